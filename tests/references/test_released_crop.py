"""Training pictures as the loader gives them, against what `get_params` and `get_transform` of the released code give.

Written down again without torchvision, from `data/base_dataset.py` of NVlabs/SPADE, which SMIS and INADE copy.
"""

import random
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from pipelines.prepare import prepare
from smis.data.loader import Loader
from smis.data.shards import Prepared
from smis.data.writer import PrepareConfig
from smis.datasets.ade20k import Config
from tests.datasets import releases

LOAD, CROP = 12, 9
PLACES = (LOAD - CROP + 1) ** 2 * 2
EPOCHS = 600


def get_params():
    x = random.randint(0, max(0, LOAD - CROP))
    y = random.randint(0, max(0, LOAD - CROP))
    return x, y, random.random() > 0.5


def get_transform(image, params, method):
    x, y, flip = params
    image = image.resize((LOAD, LOAD), method)
    image = image.crop((x, y, x + CROP, y + CROP))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else image


def released(tree, key):
    """Return what the released code can make of a picture, by its bytes; and how often it made that in many epochs."""
    found = Counter()
    with (
        Image.open(tree / f"images/training/{key}.jpg") as opened,
        Image.open(tree / f"annotations/training/{key}.png") as labels,
    ):
        image = opened.convert("RGB")
        for _ in range(EPOCHS):
            params = get_params()
            colors = np.asarray(get_transform(image, params, Image.Resampling.BICUBIC))
            ids = np.asarray(get_transform(labels, params, Image.Resampling.NEAREST))
            found[colors.tobytes() + ids.tobytes()] += 1
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return releases.ade20k(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def batches(tree, tmp_path_factory):
    """Many epochs of the three training pictures."""
    folder = tmp_path_factory.mktemp("prepared")
    section = {"root": str(tree), "validation": 0, "load_size": [LOAD, LOAD], "size": [CROP, CROP]}
    reader = Config.check(section, source="test").build()
    prepare(reader, folder / "ade20k", config=PrepareConfig(), scratch=folder / "scratch")
    loader = Loader(Prepared(folder / "ade20k").split("train"), batch=3, seed=0)
    return list(islice(loader.from_step(0), EPOCHS))


def given(batches):
    """Count what the loader gave of each picture, by its bytes."""
    found = {}
    for batch in batches:
        colors = ((batch.image.permute(0, 2, 3, 1) + 1) * 127.5).round().byte().numpy()
        ids = batch.labels.byte().numpy()
        for key, *arrays in zip(batch.keys, colors, ids, strict=True):
            found.setdefault(key, Counter())[b"".join(array.tobytes() for array in arrays)] += 1
    return found


def test_every_place_of_the_released_code_is_given_and_no_other(batches, tree):
    random.seed(0)
    ours = given(batches)
    assert len(ours) == 3
    for key, found in ours.items():
        theirs = released(tree, key)
        assert len(theirs) == PLACES
        assert found.keys() == theirs.keys()


def test_places_are_as_often_as_chance_has_it(batches):
    for found in given(batches).values():
        counts = np.array(list(found.values()))
        chi_squared = ((counts - EPOCHS / PLACES) ** 2 / (EPOCHS / PLACES)).sum()
        assert 10 < chi_squared < 62, "of 31 degrees of freedom; outside in one of a thousand cases"


def test_an_object_is_numbered_anew_in_what_is_seen_and_keeps_its_pixels(batches):
    for batch in batches[:50]:
        for labels, instances in zip(batch.labels, batch.instances, strict=True):
            assert np.array_equal(np.unique(labels, return_inverse=True)[1].reshape(CROP, CROP), instances)
