"""Our LPIPS against the package `lpips`, with the same made-up trunks (theirs would be downloaded)."""

import lpips as package
import pytest
import torch
import torchvision
from torch import nn

from smis.core import weights
from smis.metrics.image import lpips
from smis.metrics.image.lpips import distance_maps, distances

NAMES = {"lpips_alex": "alex", "lpips_vgg": "vgg", "lpips_squeeze": "squeeze"}


def made_up(name: str) -> dict[str, torch.Tensor]:
    """Torchvision's keys, and numbers of the size that keeps activations alive through all layers."""
    torch.manual_seed(0)
    trunk = lpips._BUILD[name]()
    for layer in trunk.modules():
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, std=0.1)
    return trunk.state_dict()


def theirs(name: str, trunk: dict[str, torch.Tensor], *, spatial: bool) -> nn.Module:
    """The package's network, whose layers have torchvision's numbers within slices."""
    built = package.LPIPS(net=NAMES[name], pnet_rand=True, verbose=False, spatial=spatial)
    found = built.net.state_dict()
    built.net.load_state_dict({key: trunk[f"features.{key.partition('.')[2]}"] for key in found})
    return built


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package asks torchvision for weights in a way that warns; skip its slow made-up numbers too."""
    for name in ("alexnet", "vgg16", "squeezenet1_1"):
        maker = getattr(torchvision.models, name)
        kwargs = {} if name != "vgg16" else {"init_weights": False}
        monkeypatch.setattr(
            torchvision.models, name, lambda pretrained, maker=maker, kwargs=kwargs: maker(weights=None, **kwargs)
        )


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("name", NAMES)
def test_distances_and_maps_equal_the_packages(name: str) -> None:
    trunk = made_up(name)
    ours = lpips.build(name, trunk=trunk, heads=weights.read(name))
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(2, 3, 64, 76, generator=generator) * 2 - 1
    second = (0.7 * first + 0.3 * torch.randn(first.shape, generator=generator)).clamp(-1, 1)
    features = ours.features(torch.cat([first, second]))
    pairs = torch.tensor([0, 1]), torch.tensor([2, 3])
    with torch.inference_mode():
        expected = theirs(name, trunk, spatial=False)(first, second).flatten()
        maps = theirs(name, trunk, spatial=True)(first, second)[:, 0]
    assert expected.min() > 0.01
    torch.testing.assert_close(distances(features, *pairs), expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(distance_maps(features, *pairs, size=(64, 76)), maps, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("name", NAMES)
def test_layers_are_named_as_in_torchvisions_files(name: str) -> None:
    maker = getattr(torchvision.models, {"lpips_alex": "alexnet", "lpips_vgg": "vgg16"}.get(name, "squeezenet1_1"))
    with torch.device("meta"):
        published = maker(pretrained=False).features.state_dict()
    ours = made_up(name)
    assert {key: value.shape for key, value in ours.items()} == {
        f"features.{key}": value.shape for key, value in published.items()
    }
