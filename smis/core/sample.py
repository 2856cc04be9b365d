"""One labeled image, as readers of data sets yield it and the prepared format returns it; checks of its labels."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Integer
from torch import Tensor

from smis.core.errors import LabelError
from smis.core.shapes import Picture, PictureInstances, PictureLabels


@dataclass(frozen=True, eq=False)
class Sample:
    """An image (RGB, 0..255) with the class and the instance of every pixel, as stored on disk."""

    key: str
    """Unique within the data set, for example the path of the file without its suffix."""
    split: str
    image: Picture
    labels: PictureLabels
    instances: PictureInstances
    """Ids dense from 0; every pixel belongs to one instance, and an instance has one class."""


def check_range(low: int, high: int, *, name: str, classes: int, remedy: str = "") -> None:
    """Refuse labels that are not class ids.

    Raises:
        LabelError: with the name, the labels' range, what is allowed, and the remedy.
    """
    if low < 0 or high >= classes:
        allowed = f"the data set has {classes} classes (0 to {classes - 1})"
        raise LabelError(
            f"labels of {name} run from {low} to {high}, but {allowed}" + (f"; {remedy}" if remedy else "")
        )


def check_slots(instances: Integer[Tensor, "b h w"], keys: Sequence[str], *, slots: int, system: str) -> None:
    """Refuse images with more instances than a system has slots for.

    Checks every pixel; on a GPU this would synchronize, so batches are checked before they are moved. Images without
    keys are numbered.

    Raises:
        LabelError: with the first such image, its highest id, what is allowed, and the remedy.
    """
    ids = instances.cpu().numpy()
    if ids.max() < slots:
        return
    highest = ids.max(axis=(1, 2))
    number = int((highest >= slots).argmax())
    name = keys[number] if keys else f"image {number}"
    allowed = f"{system} was built for {slots} instances (ids 0 to {slots - 1})"
    remedy = f"set systems.{system.lower()}.slots to the most that an image has (`smis data show` counts them)"
    raise LabelError(f"{name} has instance id {highest[number]}, but {allowed}; {remedy}")
