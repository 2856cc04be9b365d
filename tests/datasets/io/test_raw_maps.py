"""Maps are checked against their data set, and their objects are numbered."""

import numpy as np
import pytest

from smis.core.errors import LabelError
from smis.datasets.io import raw_maps
from smis.datasets.io.pairing import SampleFiles
from smis.datasets.io.raw_files import open_files
from smis.datasets.io.raw_maps import MapReader
from tests.datasets.releases import save


@pytest.mark.parametrize(
    ("shape", "agree", "remedy"),
    [
        ((48, 32), True, "make them of one size"),
        ((48, 32), False, "make them of one shape"),
        ((64, 48), True, "turn one of them, which lies on its side"),
        ((64, 48), False, "turn one of them, which lies on its side"),
    ],
)
def test_a_map_that_is_not_as_high_and_wide_as_its_picture_says_what_to_do(tmp_path, shape, agree, remedy):
    save(tmp_path / "a.png", np.zeros(shape, np.uint8))
    maps = MapReader(open_files(str(tmp_path)), 1, "classes", sizes_agree=agree)
    with pytest.raises(LabelError, match=rf"a\.png is {shape[0]} x {shape[1]}, but .*a\.jpg is 48 x 64; {remedy}"):
        maps.read(SampleFiles("a", "0:a.jpg", ("0:a.png",)), size=(48, 64))


@pytest.mark.parametrize("shape", [(24, 32), (48, 64), (16, 21), (16, 22)])
def test_a_smaller_map_fits_where_that_is_so_in_the_release(tmp_path, shape):
    save(tmp_path / "a.png", np.zeros(shape, np.uint8))
    maps = MapReader(open_files(str(tmp_path)), 1, "classes", sizes_agree=False)
    assert maps.read(SampleFiles("a", "0:a.jpg", ("0:a.png",)), size=(48, 64))[0].shape == shape


LABELS = np.array([[0, 0, 1], [2, 0, 1], [1, 1, 2]], dtype=np.uint8)


def test_a_class_is_one_object_as_inade_makes_them():
    assert np.array_equal(raw_maps.instances_of_classes(LABELS * 50), LABELS)


def test_a_region_is_an_object_and_corners_do_not_join():
    assert raw_maps.instances_of_regions(LABELS).tolist() == [[0, 0, 1], [2, 0, 1], [3, 3, 4]]


@pytest.mark.parametrize("scale", [1, 1000, 100000])
def test_given_objects_are_numbered_by_id_and_have_one_class_each(scale):
    given = np.array([[7, 7, 3], [7, 7, 3], [3, 3, 3]], dtype=np.int32) * scale
    assert raw_maps.instances_of_files(given, LABELS).tolist() == [[2, 2, 0], [3, 2, 0], [0, 0, 1]]


def test_more_objects_than_can_be_numbered_are_refused():
    noise = (np.indices((300, 300)).sum(axis=0) % 2).astype(np.uint8)
    with pytest.raises(
        LabelError, match="has 90000 instances, but a picture has at most 65536; set instances: classes"
    ):
        raw_maps.instances_of_regions(noise)
