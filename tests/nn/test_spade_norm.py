"""Looking neighborhoods up gives what convolving the whole map gives."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from smis.nn import spade_norm
from smis.nn.label_maps import LabelPyramid, neighborhoods
from smis.nn.spade_norm import SpadeNorm

CLASSES = 6


def made(*, edges: bool, groups: int = 1) -> tuple[SpadeNorm, Tensor, LabelPyramid]:
    torch.manual_seed(0)
    # a coarse map, enlarged: things have insides
    coarse = torch.randint(0, CLASSES, (2, 5, 7))
    labels = functional.interpolate(coarse[:, None].float(), size=(96, 112), mode="nearest")[:, 0].long()
    layout = LabelPyramid(labels, labels if edges else None, classes=CLASSES, interleaved=edges)
    channels = 2 * CLASSES if edges else CLASSES
    norm = SpadeNorm(12, label_channels=channels, hidden=12, shared_groups=groups, groups=groups).double()
    return norm, torch.randn(2, 12, 96, 112, dtype=torch.float64), layout


def dense(norm: SpadeNorm, x: Tensor, layout: LabelPyramid) -> Tensor:
    hidden = norm.mlp_shared(layout.at(96, 112).maps().double())
    return norm.param_free_norm(x) * (1 + norm.mlp_gamma(hidden)) + norm.mlp_beta(hidden)


@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("groups", [1, 3])
def test_looked_up_or_convolved_the_numbers_and_gradients_are_the_same(edges, groups):
    norm, x, layout = made(edges=edges, groups=groups)
    found = layout.at(96, 112).neighborhood_table()
    assert len(found.outer) * spade_norm._WORTHWHILE <= found.places.numel()
    x.requires_grad_()
    pull = torch.randn_like(x)
    wanted = [x, *norm.parameters()]
    ours, theirs = norm(x, layout.at(96, 112)), dense(norm, x, layout)
    torch.testing.assert_close(ours, theirs)
    gradients = (torch.autograd.grad((result * pull).sum(), wanted) for result in (ours, theirs))
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other)


def test_one_layout_serves_many_features_and_is_remembered():
    norm, x, layout = made(edges=False)
    one = LabelPyramid(layout._symbols[:1], classes=CLASSES, cache=True)
    twice = LabelPyramid(layout._symbols[[0, 0]], classes=CLASSES)
    with torch.no_grad():
        expected = norm.eval()(x, twice.at(96, 112))
        torch.testing.assert_close(norm(x, one.at(96, 112)), expected)
        norm.mlp_gamma.weight.zero_()
        torch.testing.assert_close(norm(x, one.at(96, 112)), expected)


def test_a_map_of_noise_is_convolved():
    norm, x, _ = made(edges=False)
    noise = LabelPyramid(torch.randint(0, CLASSES, (2, 96, 112)), classes=CLASSES)
    assert len(noise.at(96, 112).neighborhood_table().outer) > x.shape[0] * 96 * 112 / spade_norm._WORTHWHILE
    expected = dense(norm, x, noise).float()
    torch.testing.assert_close(norm.float()(x.float(), noise.at(96, 112)), expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (6, 7)])
def test_every_place_finds_its_own_neighborhood(size):
    torch.manual_seed(1)
    ids = torch.randint(0, 3, (2, *size))
    windows, places = neighborhoods(ids, count=3)
    padded = functional.pad(ids, (1, 1, 1, 1), value=3)
    expected = padded.unfold(1, 3, 1).unfold(2, 3, 1).flatten(3)
    assert torch.equal(windows[places], expected)
    assert len(torch.unique(windows, dim=0)) == len(windows)
