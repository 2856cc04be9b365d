"""CLADE's normalization: what the release computes from one-hot channels, and what each option adds."""

import pytest
import torch
import torch.nn.functional as F

from smis.nn.clade_norm import CladeNorm
from smis.nn.label_maps import LabelPyramid, instance_edges, one_hot
from smis.nn.positional_maps import positional_maps

CLASSES, CHANNELS = 3, 4


def layer(**options: bool) -> CladeNorm:
    torch.manual_seed(0)
    norm = CladeNorm(CHANNELS, classes=CLASSES, **options)
    for weight in norm.parameters():
        torch.nn.init.normal_(weight)
    return norm


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.randint(CLASSES, (2, 4, 4), generator=torch.Generator().manual_seed(0)).repeat_interleave(2, dim=2)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(2, CHANNELS, 4, 8, generator=torch.Generator().manual_seed(1))


def test_scale_and_shift_are_rows_of_the_tables(x, labels):
    norm = layer()
    known, affine = one_hot(labels, CLASSES), norm.class_specified_affine
    scale, shift = (torch.einsum("kc,bkhw->bchw", table, known) for table in (affine.weight, affine.bias))
    changed = norm(x, LabelPyramid(labels, classes=CLASSES).at(4, 8))
    torch.testing.assert_close(changed, norm.param_free_norm(x) * scale + shift)


@pytest.mark.parametrize("edges", [False, True])
def test_without_gradients_the_running_statistics_are_a_part_of_the_tables(x, labels, edges):
    norm = layer(edges=edges)
    condition = LabelPyramid(labels, labels if edges else None, classes=CLASSES).at(4, 8)
    norm(x, condition)
    norm.eval()
    with torch.no_grad():
        inferred = norm(x, condition)
    assert norm(x, condition).requires_grad
    torch.testing.assert_close(inferred, norm(x, condition).detach())


def test_features_leave_it_with_a_positions_channels_side_by_side(x, labels):
    changed = layer()(x, LabelPyramid(labels, classes=CLASSES).at(4, 8))
    assert changed.is_contiguous(memory_format=torch.channels_last)


def test_scales_begin_uniformly_and_shifts_at_0():
    affine = CladeNorm(64, classes=100).class_specified_affine
    assert (affine.weight.min() >= 0, affine.weight.max() <= 1) == (True, True)
    assert affine.weight.mean().item() == pytest.approx(0.5, abs=0.02)
    assert affine.bias.abs().max() == 0


def test_with_edges_a_channel_of_them_comes_last_and_is_not_normalized(x, labels):
    norm = layer(edges=True)
    changed = norm(x, LabelPyramid(labels, labels, classes=CLASSES).at(4, 8))
    plain = layer()
    plain.load_state_dict({key: norm.state_dict()[key] for key in plain.state_dict()})
    torch.testing.assert_close(changed[:, :-1], plain(x, LabelPyramid(labels, classes=CLASSES).at(4, 8)))
    torch.testing.assert_close(changed[:, -1:], norm.inst_conv(instance_edges(labels)))


def test_with_positions_both_rows_vary_inside_a_region_alike_for_all_channels(x, labels):
    norm, maps = layer(positions=True), positional_maps(labels, unmapped=())
    affine = norm.class_specified_affine
    changed = norm(x, LabelPyramid(labels, classes=CLASSES, positions=maps).at(4, 8))
    scale, shift = (F.embedding(labels, table).permute(0, 3, 1, 2) for table in (affine.weight, affine.bias))
    scale, shift = scale * (1 + affine.dist_conv_w(maps)), shift * (1 + affine.dist_conv_b(maps))
    torch.testing.assert_close(changed, norm.param_free_norm(x) * scale + shift)


@pytest.mark.parametrize("options", [{}, {"edges": True}, {"positions": True}])
def test_one_layout_serves_any_number_of_features(x, labels, options):
    norm, one = layer(**options).eval(), labels[:1]
    layouts = [
        LabelPyramid(ids, ids if options.get("edges") else None, classes=CLASSES, positions=positional_maps(ids))
        for ids in (one, one.expand(2, -1, -1).contiguous())
    ]
    torch.testing.assert_close(*(norm(x, layout.at(4, 8)) for layout in layouts))
    with torch.no_grad():
        torch.testing.assert_close(*(norm(x, layout.at(4, 8)) for layout in layouts))
