"""The data sets that systems were published on: number of classes, size, names and colors of classes."""

from dataclasses import dataclass

from smis.datasets import ade20k, celebamask, cityscapes, deepfashion
from smis.datasets import coco_stuff as coco
from smis.datasets.io import human_parsing

Color = tuple[int, int, int]


def distinct_colors(count: int) -> tuple[Color, ...]:
    """Return as many different colors (RGB, 0 to 255) as asked for, up to 256; the first is black.

    The rule of the PASCAL VOC challenge: the bits of the number, from the lowest on, are dealt out to red, green and
    blue, from the highest on.
    """
    return tuple(_color(number) for number in range(count))


def _color(number: int) -> Color:
    red, green, blue = (
        sum((number >> 3 * place + channel & 1) << 7 - place for place in range(3)) for channel in range(3)
    )
    return red, green, blue


_FACADES = (
    *("unlabeled", "background", "facade", "window", "door", "cornice", "sill"),
    *("balcony", "blind", "deco", "molding", "pillar", "shop"),
)
"""Of the CMP Facade Database, which counts its twelve classes from 1."""


PUBLISHED = {
    "ade20k": (151, 256, 256),
    "celebamask": (19, 256, 256),
    "cityscapes": (35, 256, 512),
    "coco": (183, 256, 256),
    "deepfashion": (8, 256, 256),
    "facades": (13, 256, 256),
    "paperdoll": (8, 64, 64),
}
"""For each data set the classes (with "don't care", where the release has it), height and width in pixels. A preset
is named after its data set, or `DATASET_variant`."""

_NAMES = {
    "ade20k": ade20k.NAMES,
    "celebamask": celebamask.NAMES,
    "cityscapes": cityscapes.NAMES,
    "coco": coco.NAMES,
    "deepfashion": deepfashion.NAMES,
    "facades": _FACADES,
    "paperdoll": human_parsing.NAMES,
}
_OWN_PALETTES: dict[str, tuple[Color, ...]] = {
    "ade20k": ade20k.PALETTE,
    "celebamask": celebamask.PALETTE,
    "cityscapes": cityscapes.PALETTE,
    "deepfashion": deepfashion.PALETTE,
    "paperdoll": human_parsing.PALETTE,
}


@dataclass(frozen=True)
class PublishedDataset:
    """What a checkpoint says about the data set that it was trained on."""

    name: str
    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    height: int
    width: int


def dataset_of(preset: str) -> PublishedDataset:
    """Return the data set that a preset is for."""
    name = preset.split("_")[0]
    count, height, width = PUBLISHED[name]
    palette = _OWN_PALETTES.get(name) or distinct_colors(count)
    return PublishedDataset(name=name, classes=_NAMES[name], palette=palette, height=height, width=width)
