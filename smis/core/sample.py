"""One labeled image, as readers of data sets yield it; checks of its labels; one generated image."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Integer
from torch import Tensor

from smis.core.errors import LabelError
from smis.core.shapes import ImageArray, InstanceArray, LabelArray

RESAMPLED_ALL = -1
"""In place of a class or instance id in `SampleRow.resampled`: all latents were sampled anew."""


@dataclass(frozen=True, eq=False)
class Sample:
    """An image (RGB, 0..255) with the class and the instance of every pixel, as stored on disk."""

    key: str
    """Unique within the data set, for example the path of the file without its suffix."""
    split: str
    image: ImageArray
    labels: LabelArray
    instances: InstanceArray
    """Ids dense from 0; every pixel belongs to one instance, and an instance has one class."""


@dataclass(frozen=True, eq=False)
class SampleRow:
    """A generated image (RGB, 0..255), and what it was generated from.

    Example:
        >>> import numpy as np
        >>> row = SampleRow("street-1", sample=0, resampled=RESAMPLED_ALL, image=np.zeros((4, 8, 3), np.uint8))
        >>> row.key, row.resampled
        ('street-1', -1)
    """

    key: str
    """Key of the label map."""
    sample: int
    """Number of the sample of that label map, from 0."""
    resampled: int
    """The only class (in a file of instances: the only instance) that was sampled anew, or RESAMPLED_ALL."""
    image: ImageArray


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
