import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smis.core.run_lengths import lengths_of, starts_of


def test_a_run_starts_where_any_of_the_maps_goes_on_with_another_id():
    labels = np.array([[1, 1, 2], [2, 2, 2]], dtype=np.uint8)
    instances = np.array([[7, 7, 7], [7, 300, 300]], dtype=np.uint16)
    assert starts_of(labels).tolist() == [0, 2]
    assert starts_of(labels, instances).tolist() == [0, 2, 4]


def test_a_run_ends_with_its_picture():
    assert starts_of(np.zeros((3, 2, 2), dtype=np.uint8), pixels=4).tolist() == [0, 4, 8]


@pytest.mark.parametrize("ids", [1, 3, 200])
def test_ids_and_lengths_of_runs_are_the_map(ids):
    drawn = np.random.default_rng(ids).integers(0, ids, (9, 7))
    starts = starts_of(drawn)
    lengths = lengths_of(starts, drawn.size)
    assert np.array_equal(np.repeat(drawn.ravel()[starts], lengths).reshape(9, 7), drawn)
    assert np.array_equal(np.bincount(drawn.ravel()[starts], weights=lengths), np.bincount(drawn.ravel()))


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_runs_of_many_maps_of_any_size_are_the_maps(images, height, width, ids, seed):
    maps = np.random.default_rng(seed).integers(0, ids, (2, images, height, width))
    starts = starts_of(*maps, pixels=height * width)
    lengths = lengths_of(starts, maps[0].size)
    assert lengths.min() >= 1
    assert set(range(0, maps[0].size, height * width)) <= set(starts.tolist())
    for ids_of in maps:
        assert np.array_equal(np.repeat(ids_of.ravel()[starts], lengths), ids_of.ravel())
