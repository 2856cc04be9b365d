"""SEAN's normalization layer: both ways of computing styles, shared layouts, edges; and the codes that are kept."""

import pytest
import torch
from torch import Tensor, nn

from benchmarks import straightforward
from smis.core.seeding import Noise, generator
from smis.nn import sean_norm
from smis.nn.label_maps import LabelPyramid, label_channels
from smis.nn.sean_norm import SeanNorm, SeanPyramid
from smis.nn.style_encoder import Exemplars, StyleEncoder

CLASSES, SIDE, STYLE = 5, 24, 6


@pytest.fixture
def labels() -> Tensor:
    blocks = torch.randint(CLASSES, (3, 6, 6), generator=generator(0))
    return blocks.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)


def layer(regions: int) -> SeanNorm:
    torch.manual_seed(0)
    norm = SeanNorm(4, label_channels=regions, hidden=8, style=STYLE, style_layers=regions).double().eval()
    for weight in norm.parameters():
        nn.init.normal_(weight, std=0.5)
    return norm


@pytest.fixture(autouse=True)
def in_double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("looked_up", [True, False])
@pytest.mark.parametrize("edges", [False, True])
def test_it_is_the_convolution_of_a_map_that_has_its_regions_style_everywhere(monkeypatch, labels, edges, looked_up):
    """An edge lies on a class; its style comes last, so it is the one that counts."""
    monkeypatch.setattr(sean_norm, "is_countable", lambda ids: looked_up)
    instances = labels if edges else None
    known = label_channels(labels, instances, classes=CLASSES).double()
    regions = CLASSES + edges
    norm, x = layer(regions), torch.randn(3, 4, SIDE, SIDE)
    codes, plane = torch.randn(3, regions, STYLE), torch.randn(3, SIDE, SIDE)
    pyramid = SeanPyramid(LabelPyramid(labels, instances, classes=CLASSES), codes, [plane])
    theirs = straightforward.sean_norm(norm, x, known, codes, plane)
    torch.testing.assert_close(norm(x, pyramid.at(SIDE, SIDE)), theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("looked_up", [True, False])
def test_one_label_map_serves_many_styles(monkeypatch, labels, looked_up):
    monkeypatch.setattr(sean_norm, "is_countable", lambda ids: looked_up)
    norm, x = layer(CLASSES), torch.randn(2, 4, SIDE, SIDE)
    codes, planes = torch.randn(2, CLASSES, STYLE), [torch.randn(2, SIDE, SIDE)]
    one, two = (
        SeanPyramid(LabelPyramid(maps, classes=CLASSES), codes, planes).at(SIDE, SIDE)
        for maps in (labels[:1], labels[[0, 0]])
    )
    torch.testing.assert_close(norm(x, one), norm(x, two), rtol=1e-12, atol=1e-12)


def test_gradients_are_the_same_in_both_ways(monkeypatch, labels):
    found = []
    for looked_up in (True, False):
        monkeypatch.setattr(sean_norm, "is_countable", lambda ids, looked_up=looked_up: looked_up)
        norm = layer(CLASSES)
        torch.manual_seed(1)
        codes = torch.randn(3, CLASSES, STYLE, requires_grad=True)
        pyramid = SeanPyramid(LabelPyramid(labels, classes=CLASSES), codes, [torch.randn(3, SIDE, SIDE)])
        norm(torch.randn(3, 4, SIDE, SIDE), pyramid.at(SIDE, SIDE)).square().sum().backward()
        found.append([codes.grad, *(weight.grad for weight in norm.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_the_encoder_pools_as_a_loop_over_images_and_regions(labels):
    encoder = StyleEncoder(style=STYLE, width=2, regions=CLASSES + 1).double()
    image, layout = torch.rand(3, 3, SIDE, SIDE), LabelPyramid(labels, labels, classes=CLASSES)
    known = label_channels(labels, labels, classes=CLASSES).double()
    torch.testing.assert_close(encoder(image, layout), straightforward.style_encoder(encoder, image, known))


def test_of_more_codes_than_there_is_room_for_the_newest_are_kept():
    exemplars = Exemplars(regions=1, count=3, style=1)
    exemplars.add(torch.arange(5.0).view(5, 1, 1), torch.ones(5, 1, dtype=torch.bool))
    assert sorted(exemplars.codes.flatten().tolist()) == [2.0, 3.0, 4.0]
    exemplars.add(torch.tensor([[[7.0]], [[8.0]]]), torch.tensor([[False], [True]]))
    assert sorted(exemplars.codes.flatten().tolist()) == [3.0, 4.0, 8.0]
    assert exemplars.added.tolist() == [6]


def test_every_kept_code_is_chosen_as_often_and_a_region_without_any_gets_0():
    exemplars = Exemplars(regions=2, count=4, style=1)
    exemplars.add(torch.arange(1.0, 4.0).view(3, 1, 1).expand(3, 2, 1), torch.tensor([[True, False]] * 3))
    chosen = exemplars.choose(3000, Noise(generator(0)))
    assert not chosen[:, 1].any()
    values, counts = chosen[:, 0].unique(return_counts=True)
    assert values.tolist() == [1.0, 2.0, 3.0]
    assert counts.min() > 900
