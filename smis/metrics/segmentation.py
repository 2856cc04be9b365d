"""mIoU and accuracy of predicted label maps, as in the Cityscapes scripts.

There is one confusion matrix over all counted pixels; the mean is over classes, not over images.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Real
from numpy import ndarray

from smis.core.errors import LabelError
from smis.core.numbers import MOST_CLASSES, whole
from smis.core.sample import validate_maps
from smis.core.shapes import LabelMap
from smis.metrics.image.features import check_names
from smis.metrics.image.result import Bootstrap, Ignored, Result, check_bootstrap, ids_of, of_maps

Confusion = Int[ndarray, "*n c c"]
"""Pixels by (true class, predicted class)."""
Counts = Real[ndarray, "*n 3 c"]
"""Pixels of each class: correct, true, predicted. All metrics are computed from these."""
PerClass = Float[ndarray, "*n c"]


def confusion(predicted: LabelMap, truth: LabelMap, *, classes: int, ignore: Ignored = None) -> Confusion:
    """Return the confusion matrix (true class, predicted class) of each image, without pixels whose truth is ignored.

    Raises:
        LabelError: if the maps are not integers of one shape, or another id is not that of a class.

    Example:
        >>> truth = torch.tensor([[[0, 0, 1, 255]]])
        >>> confusion(torch.tensor([[[0, 1, 1, 1]]]), truth, classes=2, ignore=255).tolist()
        [[[1, 1], [0, 1]]]
    """
    classes = whole(classes, "classes", low=1, high=MOST_CLASSES)
    predicted, truth = validate_maps(predicted, name="predicted"), validate_maps(truth, name="truth")
    if predicted.shape != truth.shape:
        raise LabelError(
            f"predicted maps are {tuple(predicted.shape)}, true ones {tuple(truth.shape)}; give one of the same size "
            "for each"
        )
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
    ids = torch.tensor(ids_of(ignore), device=truth.device, dtype=torch.long)
    unknown = ((labels < 0) | (labels >= classes)) & ~torch.isin(truth, ids)
    if not unknown.any():
        return
    number = int(labels[unknown][0])
    remedy = f"is it that of unlabeled pixels? ignore={number}" if name == "truth" else "take its data set's numbering"
    raise LabelError(f"{name}: id {number}, but {classes} classes have the ids 0 to {classes - 1}; {remedy}")


def class_counts(counts: Confusion) -> Counts:
    """Return the correct, true and predicted pixels of each class from a confusion matrix.

    Example:
        >>> class_counts(np.array([[5, 1], [2, 4]])).tolist()
        [[5, 4], [6, 6], [7, 5]]
    """
    return np.stack([np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1), counts.sum(axis=-2)], axis=-2)


def iou(counts: Counts) -> PerClass:
    """Return intersection over union of each class, 0..1; NaN for a class that is neither true nor predicted.

    Example:
        >>> iou(class_counts(np.array([[1, 1], [0, 1]]))).tolist()
        [0.5, 0.5]
    """
    correct, true, predicted = np.moveaxis(counts, -2, 0)
    return _share(correct, true + predicted - correct)


def precision(counts: Counts) -> PerClass:
    """Return the precision of each class, 0..1; NaN for a class that is never predicted.

    Example:
        >>> precision(class_counts(np.array([[3, 0], [1, 4]]))).tolist()
        [0.75, 1.0]
    """
    correct, _, predicted = np.moveaxis(counts, -2, 0)
    return _share(correct, predicted)


def recall(counts: Counts) -> PerClass:
    """Return the recall of each class, 0..1; NaN for a class without pixels.

    Example:
        >>> recall(class_counts(np.array([[3, 0], [1, 4]]))).tolist()
        [1.0, 0.8]
    """
    correct, true, _ = np.moveaxis(counts, -2, 0)
    return _share(correct, true)


def mean_iou(counts: Counts) -> Float[ndarray, "*n"]:
    """Return the mean IoU, 0..1, over the classes that are true or predicted somewhere.

    Example:
        >>> labels = torch.tensor([[[0, 1], [2, 2]]])
        >>> mean_iou(class_counts(confusion(labels, labels, classes=5))).tolist()
        [1.0]
    """
    shares = iou(counts)
    return _share(np.asarray(np.nansum(shares, axis=-1)), np.asarray((~np.isnan(shares)).sum(axis=-1)))


def accuracy(counts: Counts) -> Float[ndarray, "*n"]:
    """Return the share of pixels with the right class, 0..1.

    Example:
        >>> float(accuracy(class_counts(np.array([[3, 0], [1, 4]]))))
        0.875
    """
    correct, true, _ = np.moveaxis(counts, -2, 0)
    return _share(np.asarray(correct.sum(axis=-1)), np.asarray(true.sum(axis=-1)))


class Segmentation:
    """mIoU and accuracy, and the IoU of each class.

    Args:
        classes: Number of classes.
        ignore: Ids in the truth that do not count.
        protocol: How the label maps were predicted.

    Example:
        >>> metric = Segmentation(classes=2, protocol={})
        >>> truth = torch.tensor([[[0, 1], [0, 1]]])
        >>> metric.update(["map 1"], truth, truth)
        >>> [result.value for result in metric.compute(Bootstrap(resamples=10))]
        [1.0, 1.0]
    """

    def __init__(self, *, classes: int, ignore: Ignored = None, protocol: dict[str, Any]) -> None:
        self._classes = whole(classes, "classes", low=1, high=MOST_CLASSES)
        self._ignore, self._protocol = ids_of(ignore), protocol
        self.counts: dict[str, Int[ndarray, "3 c"]] = {}

    def update(self, keys: Sequence[str], predicted: LabelMap, truth: LabelMap) -> None:
        """Count a batch of label maps; a predicted ignored class counts only as a missed pixel of the true class.

        Raises:
            LabelError: as `confusion` does.
            ParamsError: if there is not one key for each map.
        """
        counts = class_counts(confusion(predicted, truth, classes=self._classes, ignore=self._ignore))
        check_names(keys, len(counts))
        counts[:, 2, [number for number in self._ignore if 0 <= number < self._classes]] = 0
        self.counts |= dict(zip(keys, counts, strict=True))

    def merge(self, other: "Segmentation") -> None:
        """Add the label maps that another process counted."""
        self.counts |= other.counts

    def total(self) -> Int[ndarray, "3 c"]:
        """Return the counts of all label maps."""
        return self._stacked().sum(axis=0)

    def compute(self, bootstrap: Bootstrap) -> tuple[Result, Result]:
        """Return mIoU and accuracy.

        Raises:
            LabelError: if no pixel counts.
        """
        check_bootstrap(bootstrap)
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
        """Return the IoU of each class that is true or predicted somewhere, named `IoU_` and its id."""
        check_bootstrap(bootstrap)
        values, draws, protocol = iou(self.total()), iou(self._drawn(bootstrap)), self._protocol_with(bootstrap)
        present = np.flatnonzero(~np.isnan(values)).tolist()
        return [
            Result.drawn(f"IoU_{number}", float(values[number]), draws=draws[:, number], protocol=protocol)
            for number in present
        ]

    def _drawn(self, bootstrap: Bootstrap) -> Float[ndarray, "resamples 3 c"]:
        stacked = self._stacked().astype(np.float64)
        return np.concatenate([np.tensordot(chunk, stacked, axes=1) for chunk in bootstrap.chunks(len(stacked))])

    def _protocol_with(self, bootstrap: Bootstrap) -> dict[str, Any]:
        return {**self._protocol, **of_maps(self.counts), "samples": 1, **bootstrap.protocol}

    def _stacked(self) -> Int[ndarray, "maps 3 c"]:
        return np.stack([self.counts[key] for key in sorted(self.counts)])


def _share(part: Real[ndarray, "*n"], whole: Real[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
