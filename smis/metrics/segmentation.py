"""How well a segmentation network finds the label map again in an image.

Counted as the Cityscapes scripts do: one confusion matrix over all pixels that are not don't-care; the mean over
classes, not over images.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, Real
from numpy import ndarray
from torch import Tensor

from smis.core.errors import LabelError
from smis.core.shapes import LabelMap
from smis.metrics.image.result import Bootstrap, Ignored, Result, ids_of, of_maps

Confusion = Int[ndarray, "*n c c"]
"""Pixels by (true class, predicted class)."""
Counts = Real[ndarray, "*n 3 c"]
"""Pixels of each class: found again, true, predicted. All measures follow from these."""
PerClass = Float[ndarray, "*n c"]


def confusion(predicted: LabelMap, truth: LabelMap, *, classes: int, ignore: Ignored = None) -> Confusion:
    """Count the pixels of each image by (true class, predicted class), without those whose truth is ignored.

    Raises:
        LabelError: if another id is no class's: it would be counted as one, or in another image.
    """
    for name, labels in {"truth": truth, "predicted": predicted}.items():
        _check(labels, truth, name=name, classes=classes, ignore=ignore)
    image = torch.arange(len(truth), device=truth.device)[:, None, None]
    cells = (image * classes + truth) * classes + predicted
    ids = ids_of(ignore)
    if ids:
        cells = cells[~torch.isin(truth, torch.tensor(ids, device=truth.device))]
    counts = torch.bincount(cells.flatten(), minlength=len(truth) * classes**2)
    return counts.reshape(-1, classes, classes).cpu().numpy()


def _check(labels: LabelMap, truth: LabelMap, *, name: str, classes: int, ignore: Ignored) -> None:
    if not labels.numel() or _fit(labels, classes):
        return
    ids = torch.tensor(ids_of(ignore), device=truth.device, dtype=torch.long)
    counted = labels[~torch.isin(truth, ids)]
    if not counted.numel() or _fit(counted, classes):
        return
    strange = int(counted[(counted < 0) | (counted >= classes)][0])
    remedy = f"is it that of unlabeled pixels? ignore={strange}" if name == "truth" else "take its data set's numbering"
    raise LabelError(f"{name}: id {strange}, but {classes} classes have the ids 0 to {classes - 1}; {remedy}")


def _fit(labels: Integer[Tensor, "*_"], classes: int) -> bool:
    low, high = labels.aminmax()
    return bool((low >= 0) & (high < classes))


def class_counts(counts: Confusion) -> Counts:
    """Return what the measures need of a confusion matrix, a share of 3 / classes of it."""
    return np.stack([np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1), counts.sum(axis=-2)], axis=-2)


def iou(counts: Counts) -> PerClass:
    """Return intersection over union of each class, NaN for a class that is neither there nor predicted."""
    found, true, predicted = np.moveaxis(counts, -2, 0)
    return _share(found, true + predicted - found)


def precision(counts: Counts) -> PerClass:
    """Return which share of the pixels predicted as a class is of it, NaN for a class that is never predicted."""
    found, _, predicted = np.moveaxis(counts, -2, 0)
    return _share(found, predicted)


def recall(counts: Counts) -> PerClass:
    """Return which share of the pixels of a class was found, NaN for a class that is not there."""
    found, true, _ = np.moveaxis(counts, -2, 0)
    return _share(found, true)


def mean_iou(counts: Counts) -> Float[ndarray, "*n"]:
    """Return the mean over the classes that are there or predicted."""
    shares = iou(counts)
    return _share(np.asarray(np.nansum(shares, axis=-1)), np.asarray((~np.isnan(shares)).sum(axis=-1)))


def accuracy(counts: Counts) -> Float[ndarray, "*n"]:
    """Return the share of pixels whose class was found."""
    found, true, _ = np.moveaxis(counts, -2, 0)
    return _share(np.asarray(found.sum(axis=-1)), np.asarray(true.sum(axis=-1)))


class Segmentation:
    """Gather the counts of each label map."""

    def __init__(self, *, classes: int, ignore: Ignored = None, protocol: dict[str, Any]) -> None:
        self._classes, self._ignore, self._protocol = classes, ids_of(ignore), protocol
        self.counts: dict[str, Int[ndarray, "3 c"]] = {}

    def update(self, keys: Sequence[str], predicted: LabelMap, truth: LabelMap) -> None:
        """Count a batch of label maps; where an ignored class is predicted, the true one is missed, and that is all."""
        counts = class_counts(confusion(predicted, truth, classes=self._classes, ignore=self._ignore))
        counts[:, 2, [number for number in self._ignore if number < self._classes]] = 0
        self.counts |= dict(zip(keys, counts, strict=True))

    def merge(self, other: "Segmentation") -> None:
        """Take over what another process counted."""
        self.counts |= other.counts

    def total(self) -> Int[ndarray, "3 c"]:
        """Return the counts of all label maps together."""
        return self._stacked().sum(axis=0)

    def compute(self, bootstrap: Bootstrap) -> tuple[Result, Result]:
        """Return mIoU and accuracy.

        Raises:
            LabelError: if no pixel counts.
        """
        if not any(counts[1].any() for counts in self.counts.values()):
            raise LabelError(
                f"no pixel counts: the truth of {len(self.counts)} label maps has no class but those that are ignored "
                f"({self._ignore}); give maps with others, or ignore less"
            )
        total, drawn, protocol = self.total(), self._drawn(bootstrap), self._protocol_with(bootstrap)
        miou, share = (
            Result.drawn(name, float(measure(total)), draws=measure(drawn), protocol=protocol)
            for name, measure in {"mIoU": mean_iou, "accuracy": accuracy}.items()
        )
        return miou, share

    def per_class(self, bootstrap: Bootstrap) -> list[Result]:
        """Return the IoU of each class that is there or predicted, named `IoU_` and its id."""
        values, draws, protocol = iou(self.total()), iou(self._drawn(bootstrap)), self._protocol_with(bootstrap)
        there = np.flatnonzero(~np.isnan(values)).tolist()
        return [
            Result.drawn(f"IoU_{number}", float(values[number]), draws=draws[:, number], protocol=protocol)
            for number in there
        ]

    def _drawn(self, bootstrap: Bootstrap) -> Float[ndarray, "resamples 3 c"]:
        stacked = self._stacked().astype(np.float64)
        return np.concatenate([np.tensordot(some, stacked, axes=1) for some in bootstrap.chunks(len(stacked))])

    def _protocol_with(self, bootstrap: Bootstrap) -> dict[str, Any]:
        return {**self._protocol, **of_maps(self.counts), "samples": 1, **bootstrap.protocol}

    def _stacked(self) -> Int[ndarray, "maps 3 c"]:
        return np.stack([self.counts[key] for key in sorted(self.counts)])


def _share(part: Real[ndarray, "*n"], whole: Real[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
