"""A map that does not fit its picture says why."""

import numpy as np
import pytest

from smis.core.errors import LabelError
from smis.datasets.io.files import open_files
from smis.datasets.io.maps import Maps
from smis.datasets.io.table import Entry
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
    maps = Maps(open_files(str(tmp_path)), 1, "classes", sizes_agree=agree)
    with pytest.raises(LabelError, match=rf"a\.png is {shape[0]} x {shape[1]}, but .*a\.jpg is 48 x 64; {remedy}"):
        maps.read(Entry("a", "0:a.jpg", ("0:a.png",)), size=(48, 64))


@pytest.mark.parametrize("shape", [(24, 32), (48, 64), (16, 21), (16, 22)])
def test_a_smaller_map_fits_where_that_is_so_in_the_release(tmp_path, shape):
    save(tmp_path / "a.png", np.zeros(shape, np.uint8))
    maps = Maps(open_files(str(tmp_path)), 1, "classes", sizes_agree=False)
    assert maps.read(Entry("a", "0:a.jpg", ("0:a.png",)), size=(48, 64))[0].shape == shape
