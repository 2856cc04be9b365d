"""The colors that data sets are shown in: the official ones where a release has some."""

import pytest

from smis.core.images import voc_color
from smis.datasets import ade20k, celebamask, cityscapes, clothing, coco_stuff, deepfashion

ANCHORS = {
    "other": (0, 0, 0),
    "wall": (120, 120, 120),
    "building": (180, 120, 120),
    "sky": (6, 230, 230),
    "floor": (80, 50, 50),
    "tree": (4, 200, 3),
    "ceiling": (120, 120, 80),
    "bed": (204, 5, 255),
    "person": (150, 5, 61),
    "toilet": (0, 255, 133),
    "bus": (255, 0, 245),
    "animal": (255, 0, 122),
    "clock": (102, 255, 0),
    "flag": (92, 0, 255),
}
"""Of ADE20K's toolkit, from both ends and the middle."""


@pytest.mark.parametrize("classes", [ade20k, celebamask, cityscapes, clothing, coco_stuff, deepfashion])
def test_every_class_has_a_color(classes):
    assert len(classes.PALETTE) == len(classes.NAMES)
    assert all(len(color) == 3 and min(color) >= 0 and max(color) <= 255 for color in classes.PALETTE)


def test_ade20k_has_the_colors_of_its_toolkit():
    colors = dict(zip(ade20k.NAMES, ade20k.PALETTE, strict=True))
    assert {name: colors[name] for name in ANCHORS} == ANCHORS


def test_only_a_road_and_a_skyscraper_look_alike_as_in_the_toolkit():
    alike = [name for name, color in zip(ade20k.NAMES, ade20k.PALETTE, strict=True) if ade20k.PALETTE.count(color) > 1]
    assert alike == ["road", "skyscraper"]


def test_made_up_colors_are_those_of_pascal_voc_and_no_two_alike():
    assert [voc_color(number) for number in (0, 1, 2, 3, 8, 15)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (128, 128, 0),
        (64, 0, 0),
        (192, 128, 128),
    ]
    assert len(set(coco_stuff.PALETTE)) == len(coco_stuff.NAMES)
