import numpy as np
import pytest

from smis.core.errors import LabelError
from smis.datasets.io import instances

LABELS = np.array([[0, 0, 1], [2, 0, 1], [1, 1, 2]], dtype=np.uint8)


def test_a_class_is_one_object_as_inade_makes_them():
    assert np.array_equal(instances.of_classes(LABELS * 50), LABELS)


def test_a_region_is_an_object_and_corners_do_not_join():
    assert instances.of_regions(LABELS).tolist() == [[0, 0, 1], [2, 0, 1], [3, 3, 4]]


@pytest.mark.parametrize("scale", [1, 1000, 100000])
def test_given_objects_are_numbered_by_id_and_have_one_class_each(scale):
    given = np.array([[7, 7, 3], [7, 7, 3], [3, 3, 3]], dtype=np.int32) * scale
    assert instances.of_files(given, LABELS).tolist() == [[2, 2, 0], [3, 2, 0], [0, 0, 1]]


def test_more_objects_than_can_be_numbered_are_refused():
    noise = (np.indices((300, 300)).sum(axis=0) % 2).astype(np.uint8)
    with pytest.raises(
        LabelError, match="has 90000 instances, but a picture has at most 65536; set instances: classes"
    ):
        instances.of_regions(noise)
