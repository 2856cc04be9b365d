"""Noise beside the label map: what is looked up is what convolutions of every position give."""

import pytest
import torch
from torch import Tensor

from smis.nn.noise_maps import NoisePyramid, RegionLayout
from smis.nn.oasis_generator import OasisNorm

CLASSES, SLOTS, CHANNELS = 4, 3, 5


@pytest.fixture
def maps() -> tuple[Tensor, Tensor]:
    """Two label maps of a few things, with instances that share a class."""
    labels = torch.zeros(2, 48, 64, dtype=torch.long)
    labels[:, 10:30, 8:40], labels[1, 20:48, 30:64], labels[0, :4] = 2, 3, 1
    instances = (labels > 0).long()
    instances[:, 10:30, 24:40] = 2
    return labels, instances


def noise(count: int) -> Tensor:
    return torch.randn(count, SLOTS, CHANNELS, generator=torch.Generator().manual_seed(0))


def norm(*, kernel: int = 3) -> OasisNorm:
    torch.manual_seed(0)
    return OasisNorm(6, label_channels=CHANNELS + CLASSES, hidden=7, kernel=kernel).double().eval()


def convolved(layer: OasisNorm, x: Tensor, known: Tensor) -> Tensor:
    hidden = layer.mlp_shared(known)
    return layer.first_norm(x) * (1 + layer.mlp_gamma(hidden)) + layer.mlp_beta(hidden)


@pytest.mark.parametrize("scale", [1, 2])
def test_regions_are_looked_up_as_every_position_is_convolved(maps: tuple[Tensor, Tensor], scale: int) -> None:
    pyramid = NoisePyramid(RegionLayout(*maps, classes=CLASSES), noise(2).double())
    condition = pyramid.at(48 // scale, 64 // scale)
    table = condition.neighborhood_table()
    assert 2 * len(table.outer) <= table.places.numel()
    layer, x = norm(), torch.rand(2, 6, 48 // scale, 64 // scale, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(layer(x, condition), convolved(layer, x, condition.maps()), rtol=1e-12, atol=1e-12)


def test_one_layout_serves_many_noises(maps: tuple[Tensor, Tensor]) -> None:
    layout = RegionLayout(maps[0][1:], maps[1][1:], classes=CLASSES)
    many = NoisePyramid(layout, noise(3).double()).at(48, 64)
    layer, x = norm(), torch.rand(3, 6, 48, 64, dtype=torch.float64)
    assert many.maps().shape == (3, CHANNELS + CLASSES, 48, 64)
    with torch.no_grad():
        torch.testing.assert_close(layer(x, many), convolved(layer, x, many.maps()), rtol=1e-12, atol=1e-12)
        for number in range(3):
            one = NoisePyramid(layout, noise(3)[number : number + 1].double()).at(48, 64)
            torch.testing.assert_close(layer(x[number : number + 1], one), layer(x, many)[number : number + 1])


@pytest.mark.parametrize("kernel", [1, 5])
def test_with_another_kernel_every_position_is_convolved(maps: tuple[Tensor, Tensor], kernel: int) -> None:
    condition = NoisePyramid(RegionLayout(*maps, classes=CLASSES), noise(2).double()).at(48, 64)
    layer, x = norm(kernel=kernel), torch.rand(2, 6, 48, 64, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(layer(x, condition), convolved(layer, x, condition.maps()))
