"""Clothing Co-Parsing: labels and classes, the person's part of a photograph, splits, and files that do not fit."""

import hashlib
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from smis.core.errors import DataError, LabelError, ParamsError
from smis.datasets.clothing import LABELS, MERGED, NAMES, Config
from tests.datasets import releases

ROOT = Path(__file__).parents[3]
FIRST = "annotations/pixel-level/0001.mat"


def reader(root, **more):
    section = {"root": str(root), "validation": 1, "test": 1, **more}
    return Config.check(section, source="params.yaml").build()


def sample(root, **more):
    """Read photograph 0001, whatever split it is in."""
    read = reader(root, **more)
    places = [(split, number) for split in read.splits for number in range(read.count(split))]
    return next(read.read(*place) for place in places if read.key(*place) == "0001")


def test_the_labels_are_those_of_the_release_and_each_is_of_one_class():
    assert list(LABELS) == releases.CCP_LABELS
    assert len(NAMES) == 12
    assert set(MERGED.tolist()) == set(range(12))
    table = dict(zip(LABELS, (NAMES[number] for number in MERGED), strict=True))
    assert {label: table[label] for label in ("null", "t-shirt", "coat", "tights", "purse", "sunglasses")} == {
        "null": "background",
        "t-shirt": "top",
        "coat": "outerwear",
        "tights": "hosiery",
        "purse": "bag",
        "sunglasses": "accessories",
    }


def test_the_documentation_has_the_same_classes_of_the_labels():
    table = (ROOT / "docs/data.md").read_text().partition("| class | labels of the release |\n|---|---|\n")[2]
    rows = re.findall(r"^\| ([a-z]+) \| (.+) \|$", table.partition("\n\n")[0], re.MULTILINE)
    documented = {label: name for name, labels in rows for label in labels.split(", ")}
    assert documented == {label: NAMES[number] for label, number in zip(LABELS, MERGED, strict=True)}


def test_labels_are_merged_to_twelve_classes_or_kept(tmp_path):
    tree = releases.clothing(tmp_path)
    merged, kept = sample(tree), sample(tree, classes="all")
    names = ["background", "hair", "skin", "top", "trousers", "hosiery", "shoes"]
    assert [NAMES[number] for number in np.unique(merged.labels)] == names
    assert np.unique(kept.labels).tolist() == [0, 19, 25, 38, 39, 41, 45]
    assert np.array_equal(MERGED[kept.labels], merged.labels)
    assert merged.instances.max() == len(names) - 1
    assert len(reader(tree, classes="all").classes) == len(reader(tree, classes="all").palette) == 59


def test_a_photograph_without_a_map_is_no_sample_and_no_problem(tmp_path):
    read = reader(releases.clothing(tmp_path))
    assert [read.count(split) for split in read.splits] == [2, 1, 1]
    assert read.problems == []
    assert read.warnings == [
        "clothing has 4 pictures with a map, but 1,004 are published; is the download whole?",
    ]


def test_the_person_fills_the_picture_but_for_a_margin(tmp_path):
    tree = releases.clothing(tmp_path)
    person, whole = (sample(tree, crop=crop, size=[48, 32]) for crop in ("person", "whole"))
    rows = np.flatnonzero(person.labels.any(axis=1))
    assert rows[0] in (1, 2)
    assert rows[-1] in (45, 46)
    columns = np.flatnonzero(person.labels.any(axis=0))
    assert abs((columns[0] + columns[-1]) / 2 - 15.5) <= 1
    assert np.flatnonzero(whole.labels.any(axis=1)).tolist() == list(range(15, 39))
    assert person.image.shape == whole.image.shape == (48, 32, 3)


def test_a_map_without_a_person_gives_the_whole_photograph(tmp_path):
    releases.save_map(releases.clothing(tmp_path) / FIRST, np.zeros((96, 64), np.uint8))
    person, whole = (sample(tmp_path, crop=crop, size=[48, 32]) for crop in ("person", "whole"))
    assert np.array_equal(person.image, whole.image)
    assert not person.labels.any()


def test_splits_are_those_of_the_rule_that_the_config_states_and_stay_when_files_are_added(tmp_path):
    def split(count):
        read = reader(releases.clothing(tmp_path / str(count), count=count), validation=3, test=2)
        return {split: [read.key(split, number) for number in range(read.count(split))] for split in read.splits}

    keys = sorted(
        (f"{number:04d}" for number in range(1, 13)), key=lambda key: hashlib.sha256(f"0 {key}".encode()).digest()
    )
    found = split(12)
    assert found == {"train": sorted(keys[5:]), "validation": sorted(keys[2:5]), "test": sorted(keys[:2])}
    assert set(split(11)["train"]) - set(found["train"]) <= set(keys[:5])


def test_splits_of_many_pictures_have_fifty_each(tmp_path):
    read = Config.check({"root": str(releases.clothing(tmp_path, count=120))}, source="params.yaml").build()
    assert [read.count(split) for split in ("train", "validation", "test")] == [20, 50, 50]


def test_a_reader_travels_to_other_processes(tmp_path):
    read = reader(releases.clothing(tmp_path))
    there = pickle.loads(pickle.dumps(read)).read("train", 0)
    assert np.array_equal(there.labels, read.read("train", 0).labels)


def test_the_large_preset_is_192_by_128(tmp_path):
    assert sample(releases.clothing(tmp_path), preset="large").image.shape == (192, 128, 3)


def test_photographs_without_any_map_say_what_is_missing(tmp_path):
    for path in releases.clothing(tmp_path).glob("annotations/pixel-level/*.mat"):
        path.unlink()
    with pytest.raises(ParamsError, match=r"^no photograph has a map annotations/pixel-level/.*; copy them beside"):
        reader(tmp_path)


def test_a_missing_list_of_labels_is_named(tmp_path):
    (releases.clothing(tmp_path) / "label_list.mat").unlink()
    with pytest.raises(ParamsError, match=r"^there is no label_list\.mat, .*; copy it beside photos/$"):
        reader(tmp_path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (releases.CCP_LABELS[:-1], r"label_list\.mat does not name the 59 labels of CCP; copy it again"),
        ([*releases.CCP_LABELS[1:], "null"], r"label_list\.mat does not name the 59 labels of CCP; copy it again"),
        (None, r"label_list\.mat is no MATLAB file that can be read \(.*\); copy it again"),
    ],
)
def test_a_list_of_other_labels_is_refused(tmp_path, labels, message):
    path = releases.clothing(tmp_path) / "label_list.mat"
    if labels:
        scipy.io.savemat(path, {"label_list": np.array(labels, dtype=object)[None]})
    else:
        path.write_text("<html>404</html>")
    with pytest.raises(DataError, match=message):
        reader(tmp_path)


def test_too_few_pictures_for_the_splits_say_how_many_there_are(tmp_path):
    with pytest.raises(ParamsError, match=r"validation and test take 4 pictures, but 4 have a map; leave some"):
        reader(releases.clothing(tmp_path), validation=2, test=2)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            np.full((96, 64), 59, np.uint8),
            r"0001\.mat run from 59 to 59, but the data set has 59 classes \(0 to 58\); ",
        ),
        (np.full((96, 64), -1, np.int16), r"0001\.mat run from -1 to -1, but the data set has 59 classes"),
        (np.zeros((96, 60), np.uint8), r"0001\.mat is 96 x 60, but .*0001\.jpg is 96 x 64; make them of one size"),
        (np.zeros((64, 96), np.uint8), r"0001\.mat is 64 x 96, but .*; turn one of them, which lies on its side"),
        (
            np.zeros((96, 64)),
            r"groundtruth of .*0001\.mat is float64 with the shape \(96, 64\), but is a matrix of whole numbers",
        ),
        (
            np.zeros((0, 0), np.uint8),
            r"groundtruth of .*0001\.mat is uint8 with the shape \(0, 0\), but is a matrix of whole",
        ),
        (
            np.zeros((4, 4, 3), np.uint8),
            r"groundtruth of .*0001\.mat is uint8 with the shape \(4, 4, 3\), but is a matrix",
        ),
        (
            np.array("skin"),
            r"groundtruth of .*0001\.mat is text, but is a matrix of whole numbers",
        ),
    ],
)
def test_a_map_that_does_not_fit_is_refused_by_its_name(tmp_path, labels, message):
    releases.save_map(releases.clothing(tmp_path) / FIRST, labels)
    with pytest.raises(LabelError, match=message):
        sample(tmp_path)


def test_a_map_without_groundtruth_says_what_it_holds(tmp_path):
    releases.save_map(releases.clothing(tmp_path) / FIRST, np.zeros((96, 64), np.uint8), name="labels")
    with pytest.raises(LabelError, match=r"0001\.mat has no variable groundtruth, but \['labels'\]; copy the file"):
        sample(tmp_path)


def test_a_map_that_is_a_fifo_is_not_opened(tmp_path):
    path = releases.clothing(tmp_path) / FIRST
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(LabelError, match=r"cannot read .*0001\.mat \(it is a fifo\); give a file, or take it away"):
        sample(tmp_path)


def test_a_map_without_its_photograph_is_a_problem(tmp_path):
    (releases.clothing(tmp_path) / "photos/0001.jpg").unlink()
    (problem,) = reader(tmp_path).problems
    assert problem.why.endswith("0001.mat belongs to no picture; take it away, or give it its picture")
