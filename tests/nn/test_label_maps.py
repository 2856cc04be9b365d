import pytest
import torch

from smis.nn.label_maps import LabelPyramid, label_channels


def maps() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 5, (2, 16, 24), generator=draw), torch.randint(0, 3, (2, 16, 24), generator=draw)


@pytest.mark.parametrize("edges", [False, True])
def test_the_channels_are_the_classes_and_then_the_edges(edges):
    labels, instances = maps()
    told = instances if edges else None
    seen = LabelPyramid(labels, told, classes=5).at(16, 24).maps()
    assert torch.equal(seen, label_channels(labels, told, classes=5))


def test_interleaved_each_class_has_the_edges_beside_it():
    labels, instances = maps()
    seen = LabelPyramid(labels, instances, classes=5, interleaved=True).at(16, 24).maps()
    known = label_channels(labels, instances, classes=5)
    assert torch.equal(seen[:, ::2], known[:, :5])
    assert torch.equal(seen[:, 1::2], known[:, 5:].expand(-1, 5, -1, -1))


def test_a_smaller_map_is_that_of_the_nearest_places():
    labels, instances = maps()
    seen = LabelPyramid(labels, instances, classes=5).at(4, 6).maps()
    whole = label_channels(labels, instances, classes=5)
    assert torch.equal(seen, torch.nn.functional.interpolate(whole, size=(4, 6), mode="nearest"))
