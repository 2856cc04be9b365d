"""The data sets that systems were published on: number of classes, size, names and colors of classes."""

from dataclasses import dataclass, replace

from smis.datasets import ade20k, celebamask, cityscapes, clothing, deepfashion
from smis.datasets import coco_stuff as coco
from smis.datasets.io import human_parsing

Color = tuple[int, int, int]


def distinct_colors(count: int) -> tuple[Color, ...]:
    """Return as many different colors (RGB, 0 to 255) as asked for, up to 256; the first is black.

    The rule of the PASCAL VOC challenge: the bits of the number, from the lowest on, are dealt out to red, green and
    blue, from the highest on.

    Example:
        >>> distinct_colors(4)
        ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
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


@dataclass(frozen=True)
class PublishedDataset:
    """What a checkpoint says about the data set that it was trained on."""

    name: str
    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    height: int
    width: int


PUBLISHED = {
    data.name: data
    for data in (
        PublishedDataset("ade20k", ade20k.NAMES, ade20k.PALETTE, 256, 256),
        PublishedDataset("celebamask", celebamask.NAMES, celebamask.PALETTE, 256, 256),
        PublishedDataset("cityscapes", cityscapes.NAMES, cityscapes.PALETTE, 256, 512),
        PublishedDataset("clothing", clothing.NAMES, clothing.PALETTE, 128, 64),
        PublishedDataset("coco", coco.NAMES, distinct_colors(len(coco.NAMES)), 256, 256),
        PublishedDataset("deepfashion", deepfashion.NAMES, deepfashion.PALETTE, 256, 256),
        PublishedDataset("facades", _FACADES, distinct_colors(len(_FACADES)), 256, 256),
        PublishedDataset("paperdoll", human_parsing.NAMES, human_parsing.PALETTE, 64, 64),
    )
}
"""By name; classes with "don't care", where the release has it. A preset is named after its data set, or
`DATASET_variant`."""
_SHOWN_BY = {"custom": "celebamask"}
"""For presets of a release's reader of anybody's files: the data set that its authors show it with."""
_SIZES = {"clothing_large": (192, 128)}
"""Height and width that presets are for, where these are not the data set's."""


def dataset_of(preset: str) -> PublishedDataset:
    """Return the data set that a preset is for.

    Example:
        >>> data = dataset_of("cityscapes_paper")
        >>> len(data.classes), (data.height, data.width)
        (35, (256, 512))
    """
    name = preset.split("_")[0]
    data = PUBLISHED[_SHOWN_BY.get(name, name)]
    height, width = _SIZES.get(preset, (data.height, data.width))
    return replace(data, height=height, width=width)
