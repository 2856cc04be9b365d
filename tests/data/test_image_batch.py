import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from smis.data.image_batch import ByteImages, corners_of, renumbered, uniform


def pictures(count=3, height=6, width=5):
    """Each pixel of each array tells its picture, row and column."""
    place = np.arange(count * height * width).reshape(count, height, width)
    image = np.repeat(place[..., None], 3, axis=3).astype(np.uint8)
    return ByteImages(image, place.astype(np.uint8), place.astype(np.uint16))


def test_draws_depend_on_seed_position_and_purpose_alone():
    drawn = uniform(3, np.arange(100), "flip")
    assert np.array_equal(uniform(3, np.arange(99, -1, -1), "flip")[::-1], drawn)
    assert not np.array_equal(uniform(4, np.arange(100), "flip"), drawn)
    assert not np.array_equal(uniform(3, np.arange(100), "crop"), drawn)


def test_draws_are_spread_evenly_and_do_not_follow_one_another():
    drawn = uniform(0, np.arange(100_000), "flip")
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts, _ = np.histogram(drawn, bins=10, range=(0, 1))
    assert np.abs(counts - 10_000).max() < 500
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.02


def test_chosen_pictures_are_mirrored_with_their_maps_and_others_stay():
    given = pictures()
    turned = given.flipped(np.array([True, False, True]))
    for name in ("image", "labels", "instances"):
        before, after = getattr(given, name), getattr(turned, name)
        assert np.array_equal(after[[0, 2]], before[[0, 2], :, ::-1])
        assert np.array_equal(after[1], before[1])


def test_places_lie_inside_and_each_is_as_likely_as_any_other():
    where = np.stack([uniform(0, np.arange(100_000), side) for side in ("down", "across")], axis=1)
    corners = corners_of(where, size=(10, 7), seen=(6, 5))
    _, counts = np.unique(corners, axis=0, return_counts=True)
    assert (corners.min(axis=0).tolist(), corners.max(axis=0).tolist()) == ([0, 0], [4, 2])
    assert len(counts) == 15
    assert np.abs(counts * 15 / 100_000 - 1).max() < 0.05


def test_the_middle_is_as_far_from_all_sides():
    assert corners_of(np.array([[0.5, 0.5]]), size=(286, 260), seen=(256, 256)).tolist() == [[15, 2]]


def test_instances_are_numbered_from_0_again_in_each_picture():
    ids = np.array([[[7, 7], [3, 9]], [[0, 0], [0, 5]]], dtype=np.uint16)
    assert renumbered(ids).tolist() == [[[1, 1], [0, 2]], [[0, 0], [0, 1]]]
    assert renumbered(ids).dtype == np.uint16


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(0, 15))
def test_who_is_flipped_twice_is_who_it_was(count, height, width, bits):
    original = pictures(count, height, width)
    chosen = np.array([bool(bits >> number & 1) for number in range(count)])
    twice = original.flipped(chosen).flipped(chosen)
    for name in ("image", "labels", "instances"):
        assert np.array_equal(getattr(twice, name), getattr(original, name))


@settings(deadline=None, derandomize=True)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(0, 50),
    st.integers(0, 50),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
)
def test_a_crop_lies_inside_whatever_is_drawn(height, width, taller, wider, down, across):
    size = height + taller, width + wider
    top, left = corners_of(np.array([[down, across]]), size=size, seen=(height, width))[0]
    assert 0 <= top <= taller
    assert 0 <= left <= wider


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(1, 65535), st.integers(0, 2**32 - 1))
def test_numbering_instances_anew_joins_and_splits_none(count, height, width, highest, seed):
    ids = np.random.default_rng(seed).integers(0, highest + 1, (count, height, width)).astype(np.uint16)
    for before, after in zip(ids, renumbered(ids), strict=True):
        assert np.array_equal(np.unique(before, return_inverse=True)[1].reshape(before.shape), after)
