"""Pixels are those of the released code: PIL's bicubic for colors, its nearest for ids."""

import numpy as np
import pytest
from PIL import Image

from smis.core.errors import ParamsError
from smis.datasets.ade20k import Config
from tests.datasets import releases


def reader(root, **more):
    return Config.check({"root": str(root), "validation": 1, **more}, source="params.yaml").build()


def test_colors_and_ids_are_resized_as_the_release_does_it(tmp_path):
    tree = releases.ade20k(tmp_path)
    sample = reader(tree).read("test", 0)
    with Image.open(tree / "images/validation/ADE_val_00000001.jpg") as image:
        wanted = image.convert("RGB").resize((256, 256), Image.Resampling.BICUBIC)
        assert np.array_equal(sample.image, np.asarray(wanted))
    with Image.open(tree / "annotations/validation/ADE_val_00000001.png") as labels:
        assert np.array_equal(sample.labels, np.asarray(labels.resize((256, 256), Image.Resampling.NEAREST)))


@pytest.mark.parametrize("preset", ["published", None])
def test_training_pictures_are_loaded_larger_where_it_was_published_so_and_others_are_not(tmp_path, preset):
    tree, asked = releases.ade20k(tmp_path), {"preset": preset} if preset else {}
    read, load_size = reader(tree, **asked), (286, 286) if preset else (256, 256)
    assert read.crop == ((256, 256) if preset else None)
    with Image.open(tree / f"images/training/{read.key('train', 0)}.jpg") as image:
        wanted = image.convert("RGB").resize(load_size, Image.Resampling.BICUBIC)
    assert np.array_equal(read.read("train", 0).image, np.asarray(wanted))
    assert {read.read(split, 0).labels.shape for split in ("validation", "test")} == {(256, 256)}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"load_size": [128, 300]}, r"load_size \[128, 300\] is smaller than size \[256, 256\], .*; load larger"),
        ({"validation": 3}, r"datasets\.ade20k\.validation is 3, but there are 3 training pictures; leave some"),
    ],
)
def test_a_section_that_cannot_be_says_why(tmp_path, section, message):
    with pytest.raises(ParamsError, match=message):
        reader(releases.ade20k(tmp_path), **section)
