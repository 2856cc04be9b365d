import numpy as np

from smis.data.pictures import Pictures
from smis.data.transforms import crop, flip, renumbered, uniform


def pictures(count=3, height=6, width=5):
    """Each pixel of each array tells its picture, row and column."""
    place = np.arange(count * height * width).reshape(count, height, width)
    image = np.repeat(place[..., None], 3, axis=3).astype(np.uint8)
    return Pictures(image, place.astype(np.uint8), place.astype(np.uint16))


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
    turned = flip(given, np.array([True, False, True]))
    for name in ("image", "labels", "instances"):
        before, after = getattr(given, name), getattr(turned, name)
        assert np.array_equal(after[[0, 2]], before[[0, 2], :, ::-1])
        assert np.array_equal(after[1], before[1])


def test_a_crop_is_one_window_of_image_and_maps():
    given = pictures()
    cut = crop(given, (4, 2), where=np.array([[0.0, 0.0], [0.5, 0.5], [0.999, 0.999]]))
    for number, (top, left) in enumerate([(0, 0), (1, 2), (2, 3)]):
        window = slice(top, top + 4), slice(left, left + 2)
        assert np.array_equal(cut.image[number], given.image[number][window])
        assert np.array_equal(cut.labels[number], given.labels[number][window])
    assert cut.instances.max() == 7


def test_instances_are_numbered_from_0_again_in_each_picture():
    ids = np.array([[[7, 7], [3, 9]], [[0, 0], [0, 5]]], dtype=np.uint16)
    assert renumbered(ids).tolist() == [[[1, 1], [0, 2]], [[0, 0], [0, 1]]]
    assert renumbered(ids).dtype == np.uint16
