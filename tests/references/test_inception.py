"""Our Inception features against pytorch-fid's own network, with the same made-up weights."""

import pytest
import torch
from pytorch_fid.inception import InceptionV3
from torch import nn

from smis.metrics.image import inception


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    """Numbers that keep the activations of all layers alive, statistics of the batch norms too."""
    torch.manual_seed(0)
    network = inception.bare()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.3)
            nn.init.normal_(layer.running_mean, std=0.3)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    return network.state_dict()


@pytest.fixture
def theirs(tensors: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> InceptionV3:
    monkeypatch.setattr("pytorch_fid.inception.load_state_dict_from_url", lambda url, progress: tensors)
    return InceptionV3().eval()


@pytest.mark.parametrize("size", [(64, 64), (299, 299), (320, 180)])
def test_features_equal_pytorch_fids(
    tensors: dict[str, torch.Tensor], theirs: InceptionV3, size: tuple[int, int]
) -> None:
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = theirs(image)[0].flatten(1)
        ours = inception.build(tensors)(inception.resize(image * 2 - 1))
    assert expected.std() > 1e-3
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().mean()))
