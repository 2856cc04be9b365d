"""One labelled picture, as readers of data sets yield it and as the prepared format returns it."""

from dataclasses import dataclass

from smis.core.errors import LabelError
from smis.core.shapes import Picture, PictureInstances, PictureLabels


@dataclass(frozen=True, eq=False)
class Sample:
    """Hold a picture (RGB, 0..255), the class of every pixel and the object of every pixel, as they lie on disk."""

    key: str
    """Names the picture within its data set, for example its file's path without the ending."""
    split: str
    image: Picture
    labels: PictureLabels
    instances: PictureInstances
    """Ids dense from 0; every pixel belongs to one instance, and an instance has one class."""


def check_range(low: int, high: int, *, name: str, classes: int, remedy: str = "") -> None:
    """Refuse labels that are no class ids.

    Raises:
        LabelError: with the name, the labels' range, what is allowed, and the remedy.
    """
    if low < 0 or high >= classes:
        allowed = f"the data set has {classes} classes (0 to {classes - 1})"
        raise LabelError(
            f"labels of {name} run from {low} to {high}, but {allowed}" + (f"; {remedy}" if remedy else "")
        )
