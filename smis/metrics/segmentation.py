"""How well a segmentation network finds the label map again in an image.

Counted as the Cityscapes scripts do: one confusion matrix over all pixels that are not don't-care; the mean over
classes, not over images.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Real
from numpy import ndarray

from smis.core.shapes import LabelMap
from smis.metrics.result import Bootstrap, Result, interval

DONT_CARE = "unlabelled"
"""The class that a data set gives to pixels which nobody labelled; no metric counts it."""

Confusion = Real[ndarray, "*n c c"]
"""Pixels by (true class, predicted class)."""


def dont_care(classes: Sequence[str]) -> int | None:
    """Return the id of the class of unlabelled pixels, where there is one."""
    return list(classes).index(DONT_CARE) if DONT_CARE in classes else None


def confusion(
    predicted: LabelMap, truth: LabelMap, *, classes: int, ignore: int | None = None
) -> Int[ndarray, "b c c"]:
    """Count the pixels of each image by (true class, predicted class), without those whose truth is `ignore`."""
    image = torch.arange(len(truth), device=truth.device)[:, None, None]
    cells = (image * classes + truth) * classes + predicted
    counted = cells.flatten() if ignore is None else cells[truth != ignore]
    return torch.bincount(counted, minlength=len(truth) * classes**2).reshape(-1, classes, classes).cpu().numpy()


def iou(counts: Confusion) -> Float[ndarray, "*n c"]:
    """Return intersection over union of each class, NaN for a class that is neither there nor predicted."""
    found = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    union = counts.sum(axis=-1) + counts.sum(axis=-2) - found
    return np.divide(found, union, out=np.full_like(found, np.nan), where=union > 0)


def mean_iou(counts: Confusion) -> Float[ndarray, "*n"]:
    """Return the mean over the classes that are there or predicted."""
    return np.asarray(np.nanmean(iou(counts), axis=-1))


def accuracy(counts: Confusion) -> Float[ndarray, "*n"]:
    """Return the share of pixels whose class was found."""
    return np.asarray(np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1)))


class Segmentation:
    """Gather one confusion matrix per label map."""

    def __init__(self, *, classes: int, ignore: int | None = None, protocol: dict[str, Any]) -> None:
        self._classes, self._ignore, self._protocol = classes, ignore, protocol
        self.counts: dict[str, Int[ndarray, "c c"]] = {}

    def update(self, keys: Sequence[str], predicted: LabelMap, truth: LabelMap) -> None:
        """Count a batch of label maps."""
        counts = confusion(predicted, truth, classes=self._classes, ignore=self._ignore)
        self.counts |= dict(zip(keys, counts, strict=True))

    def merge(self, other: "Segmentation") -> None:
        """Take over what another process counted."""
        self.counts |= other.counts

    def total(self) -> Int[ndarray, "c c"]:
        """Return the confusion matrix of all label maps."""
        return self._stacked().sum(axis=0)

    def compute(self, bootstrap: Bootstrap) -> tuple[Result, Result]:
        """Return mIoU and accuracy."""
        counts = self._stacked().astype(np.float64)
        draws = np.tensordot(bootstrap.counts(len(counts)), counts, axes=1)
        protocol = {**self._protocol, "label_maps": len(counts), "samples": 1, **bootstrap.protocol}
        measures = {"mIoU": mean_iou, "accuracy": accuracy}
        miou, share = (
            Result(name, float(measure(counts.sum(axis=0))), interval(measure(draws)), protocol)
            for name, measure in measures.items()
        )
        return miou, share

    def per_class(self, bootstrap: Bootstrap) -> list[Result]:
        """Return the IoU of each class that is there or predicted, named `IoU_` and its id."""
        counts = self._stacked().astype(np.float64)
        draws = iou(np.tensordot(bootstrap.counts(len(counts)), counts, axes=1))
        protocol = {**self._protocol, "label_maps": len(counts), "samples": 1, **bootstrap.protocol}
        values = iou(counts.sum(axis=0))
        there = np.flatnonzero(~np.isnan(values)).tolist()
        return [
            Result(f"IoU_{number}", float(values[number]), interval(draws[:, number]), protocol) for number in there
        ]

    def _stacked(self) -> Int[ndarray, "maps c c"]:
        return np.stack([self.counts[key] for key in sorted(self.counts)])
