from dataclasses import replace

import numpy as np
import pytest

from smis.core.errors import ImageError, LabelError
from smis.data.rows import encode_rows


@pytest.fixture
def good(samples_of):
    return samples_of("train")[0]


def test_a_label_out_of_range_names_its_picture_and_what_is_allowed(good, small_header):
    labels = good.labels.copy()
    labels[3, 4] = 255
    with pytest.raises(LabelError, match=r"labels of train/0000 run from 0 to 255, .* has 5 classes \(0 to 4\)"):
        encode_rows([replace(good, labels=labels)], small_header)


def test_an_instance_of_two_classes_is_refused(good, small_header):
    with pytest.raises(LabelError, match="instance 0 of train/0000 covers more than one class"):
        encode_rows([replace(good, instances=np.zeros_like(good.instances))], small_header)


def test_instances_that_leave_out_a_number_are_refused(good, small_header):
    with pytest.raises(LabelError, match="instances of train/0000 run to 5, but no pixel has 0; number them from 0"):
        encode_rows([replace(good, instances=good.instances + np.uint16(1))], small_header)


def test_a_picture_of_another_size_is_refused(good, small_header):
    smaller = {name: getattr(good, name)[:, :8] for name in ("image", "labels", "instances")}
    with pytest.raises(ImageError, match="the image of train/0000 is 12 x 8, but the data set's pictures are 12 x 10"):
        encode_rows([replace(good, **smaller)], small_header)
