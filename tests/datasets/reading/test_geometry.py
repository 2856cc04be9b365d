"""Pixels are those of the released code: PIL's bicubic for colours, its nearest for ids."""

import numpy as np
import pytest
from PIL import Image

from smis.core.errors import ParamsError
from smis.datasets.ade20k import Config
from smis.datasets.reading.geometry import window
from tests.datasets import releases


def reader(root, **more):
    return Config.check({"root": str(root), "validation": 1, **more}, source="params.yaml").build()


def test_colours_and_ids_are_resized_as_the_release_does_it(tmp_path):
    tree = releases.ade20k(tmp_path)
    sample = reader(tree).read("test", 0)
    with Image.open(tree / "images/validation/ADE_val_00000001.jpg") as image:
        wanted = image.convert("RGB").resize((256, 256), Image.Resampling.BICUBIC)
        assert np.array_equal(sample.image, np.asarray(wanted))
    with Image.open(tree / "annotations/validation/ADE_val_00000001.png") as labels:
        assert np.array_equal(sample.labels, np.asarray(labels.resize((256, 256), Image.Resampling.NEAREST)))


def test_training_pictures_are_loaded_larger_and_cut_and_test_pictures_are_not(tmp_path):
    tree = releases.ade20k(tmp_path)
    cut, plain = reader(tree, preset="crops", crops=3), reader(tree)
    assert [cut.count(split) for split in cut.splits] == [6, 1, 2]
    assert np.array_equal(cut.read("test", 0).image, plain.read("test", 0).image)
    sample = cut.read("train", 1)
    assert sample.key == f"{plain.key('train', 0)}@1"
    place = window((286, 286), (256, 256), name=f"0 {sample.key}")
    with Image.open(tree / f"images/training/{plain.key('train', 0)}.jpg") as image:
        large = np.asarray(image.convert("RGB").resize((286, 286), Image.Resampling.BICUBIC))
    assert np.array_equal(sample.image, large[place])


def test_places_are_drawn_by_name_and_lie_inside():
    places = [window((286, 290), (256, 256), name=str(number)) for number in range(200)]
    tops, lefts = {place[0].start for place in places}, {place[1].start for place in places}
    assert (min(tops), max(tops), min(lefts), max(lefts)) == (0, 30, 0, 34)
    assert places[7] == window((286, 290), (256, 256), name="7")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"crops": 2}, "crops says how many places are cut, but no load is given"),
        ({"load": [128, 300]}, r"load \[128, 300\] is smaller than size \[256, 256\]"),
        ({"validation": 3}, r"datasets\.ade20k\.validation is 3, but there are 3 training pictures; leave some"),
    ],
)
def test_a_section_that_cannot_be_says_why(tmp_path, section, message):
    with pytest.raises(ParamsError, match=message):
        reader(releases.ade20k(tmp_path), **section)
