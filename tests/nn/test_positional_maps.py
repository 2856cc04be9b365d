"""Regions and positional maps; `tests/references/test_clade_release.py` has the release's numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from smis.nn.positional_maps import connected_regions, positional_maps, transform_positions


@given(seed=st.integers(0, 2**31), classes=st.integers(1, 4), height=st.integers(1, 12), width=st.integers(1, 12))
def test_regions_are_those_of_scipy(seed: int, classes: int, height: int, width: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (2, height, width), generator=draws)
    regions, count = connected_regions(labels)
    theirs, structure = 0, np.ones((3, 3))
    for ids, ours in zip(labels.numpy(), regions.numpy(), strict=True):
        for number in np.unique(ids):
            found: np.ndarray = np.empty(ids.shape, dtype=np.int32)
            new: int = ndimage.label(ids == number, structure=structure, output=found)  # pyright: ignore[reportAssignmentType]
            theirs += new
            assert all(len(np.unique(ours[found == region])) == 1 for region in range(1, new + 1))
    assert len(regions.unique()) == count == theirs


def test_a_spiral_is_one_region():
    labels = torch.tensor([[[1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]]])
    regions, count = connected_regions(labels)
    assert count == 2
    assert torch.equal(regions == regions[0, 0, 0], labels == 1)


def test_offsets_are_from_the_mean_of_a_region_and_the_largest_is_1():
    maps = positional_maps(torch.tensor([[[0, 0, 0, 0], [5, 5, 0, 0], [5, 0, 0, 0]]]))[0]
    torch.testing.assert_close(maps[0, 1:, 0], torch.tensor([-0.5, 1.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(maps[1, 1, :2], torch.tensor([-0.5, 1.0]), atol=1e-4, rtol=0)
    assert maps.abs().max() < 1


def test_classes_that_are_left_out_have_no_map():
    labels = torch.tensor([[[0, 0, 3, 3]]])
    assert positional_maps(labels, normalize=False)[0, 1].tolist() == [[0, 0, -0.5, 0.5]]
    assert positional_maps(labels, unmapped=(), normalize=False)[0, 1].tolist() == [[-0.5, 0.5, -0.5, 0.5]]
    assert positional_maps(labels, unmapped=(0, 3)).count_nonzero() == 0


@pytest.mark.parametrize("load", [(6, 8), (12, 16)])
def test_maps_of_a_mirrored_label_map_are_its_maps_mirrored(load):
    labels = torch.randint(3, (1, 6, 8), generator=torch.Generator().manual_seed(0))
    maps = transform_positions(positional_maps(labels), load=load, crop=load, flip=True)
    again = transform_positions(positional_maps(labels.flip(2)), load=load, crop=load)
    torch.testing.assert_close(maps, again, atol=1e-6, rtol=0)
