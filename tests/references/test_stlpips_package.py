"""Our trunks against the package whose weights they load."""

import sys
from types import ModuleType

import pytest
import torch

from smis.metrics.image import lpips
from smis.metrics.image.lpips import distance_maps


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """It imports two packages that it neither declares nor needs."""
    for name, attribute in (("IPython", "embed"), ("torchsummary", "summary")):
        stub = ModuleType(name)
        setattr(stub, attribute, None)
        monkeypatch.setitem(sys.modules, name, stub)
    return pytest.importorskip("stlpips_pytorch.stlpips")


@pytest.mark.parametrize(
    ("ours", "theirs", "size"),
    [("stlpips_alex", "alex", (64, 64)), ("stlpips_alex", "alex", (48, 67)), ("stlpips_vgg16", "vgg", (32, 43))],
)
def test_distances_and_maps_equal_the_packages(
    package: ModuleType, ours: str, theirs: str, size: tuple[int, int]
) -> None:
    first = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    second = (0.6 * first + 0.4 * torch.randn(first.shape, generator=torch.Generator().manual_seed(1))).clamp(-1, 1)
    network = lpips.load(ours)
    reference = package.LPIPS(net=theirs, variant="shift_tolerant", verbose=False)
    spatial = package.LPIPS(net=theirs, variant="shift_tolerant", verbose=False, spatial=True)
    features = network.features(torch.cat([first, second]))
    maps = distance_maps(features, torch.tensor([0, 1]), torch.tensor([2, 3]), size=size)
    with torch.inference_mode():
        torch.testing.assert_close(network(first, second), reference(first, second).flatten(), rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(maps, spatial(first, second)[:, 0], rtol=1e-5, atol=1e-6)
