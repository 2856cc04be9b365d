"""One labeled image, as readers of data sets yield it; checks of its labels; one generated image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from jaxtyping import Integer
from pydantic import Field
from torch import Tensor

from smis.core.errors import LabelError, shown
from smis.core.shapes import ImageArray, InstanceArray, LabelArray, LabelMap

Slots = Annotated[int, Field(ge=1, le=2**16)]
"""Instances that a system has codes for; a map of 16 bits has no more."""
_SHOWN = 12
"""Ids that a message lists."""
RESAMPLED_ALL = -1
"""In place of a class or instance id in `SampleRow.resampled`: all latents were sampled anew."""


@dataclass(frozen=True, eq=False)
class Sample:
    """An image (RGB, 0..255) with the class and the instance of every pixel, as stored on disk.

    Example:
        >>> import numpy as np
        >>> labels = np.zeros((4, 8), np.uint8)
        >>> sample = Sample("street-1", "train", np.zeros((4, 8, 3), np.uint8), labels, labels.astype(np.uint16))
        >>> sample.image.shape[:2] == sample.labels.shape
        True
    """

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


def remedy_of_ids(ids: Sequence[int], *, classes: int, relabel: str = "") -> str:
    """Return what the ids of a map look like, some of which are no classes, and what to do about it.

    Args:
        ids: Those that it has, sorted.
        relabel: The setting that says which ids are which classes, if there is one.

    Example:
        >>> remedy_of_ids([0, 255], classes=2)
        'was class 1 saved as 255? save 255 as 1'
        >>> remedy_of_ids([1, 2, 3], classes=3, relabel="relabel")
        'do ids begin at 1? set relabel: {1: 0, 2: 1, 3: 2}'
    """
    gray = {round(255 * number / (classes - 1)): number for number in range(classes)} if classes > 1 else {}
    if len(gray) == classes and set(ids) <= gray.keys() and (classes == 2 or set(ids) - {0, 255}):
        looks = "was class 1 saved as 255" if classes == 2 else "were ids spread over 0 to 255"
        new = {old: number for old, number in gray.items() if old != number}
    elif ids[0] == 1 and ids[-1] == classes:
        looks, new = "do ids begin at 1", {number + 1: number for number in range(classes)}
    elif ids[-1] == classes and classes < 255:
        return f"0 to {classes} are {classes + 1} classes: is one not listed, or do ids begin at 1, and 0 is unlabeled?"
    else:
        return ""
    if len(new) > _SHOWN:
        return f"{looks}? save maps with ids from 0 to {classes - 1}"
    pairs = ", ".join(f"{old}: {number}" for old, number in new.items())
    saved = " and ".join(f"{old} as {number}" for old, number in new.items())
    return f"{looks}? set {relabel}: {{{pairs}}}" if relabel else f"{looks}? save {saved}"


def validate_maps(ids: Any, *, name: str) -> LabelMap:
    """Return maps of ids of a caller as int64.

    Raises:
        LabelError: if they are no tensor (b, h, w) of whole numbers, or there is none.
    """
    dense = isinstance(ids, Tensor) and not ids.is_meta and ids.layout is torch.strided
    if not (dense and not ids.is_floating_point() and not ids.is_complex() and ids.dim() == 3 and ids.numel()):
        raise LabelError(
            f"{name}: {shown(ids)}, but maps are a tensor (b, height, width) of integers; "
            "torch.from_numpy takes an array, argmax(dim=1) scores"
        )
    return ids.long()


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
