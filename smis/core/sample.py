"""One labeled picture, as readers of data sets yield it and as the prepared format returns it."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Integer
from torch import Tensor

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


def check_slots(instances: Integer[Tensor, "b h w"], keys: Sequence[str], *, slots: int, system: str) -> None:
    """Refuse pictures that have more instances than a system has slots for.

    Every pixel is looked at: on a GPU this waits for all work before it, so batches are looked at before they go there.
    Pictures without keys are numbered.

    Raises:
        LabelError: with the first such picture, its highest id, what is allowed, and the remedy.
    """
    ids = instances.cpu().numpy()
    if ids.max() < slots:
        return
    highest = ids.max(axis=(1, 2))
    number = int((highest >= slots).argmax())
    name = keys[number] if keys else f"picture {number}"
    allowed = f"{system} was built for {slots} instances (ids 0 to {slots - 1})"
    remedy = f"set systems.{system.lower()}.slots to the most that a picture has (`smis data show` counts them)"
    raise LabelError(f"{name} has instance id {highest[number]}, but {allowed}; {remedy}")
