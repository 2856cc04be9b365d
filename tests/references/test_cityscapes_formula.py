"""Our mIoU against the formula of the Cityscapes scripts, counted pixel by pixel (the scripts need no install here).

`getIouScoreForLabel` of evalPixelLevelSemanticLabeling.py: tp / (tp + fp + fn) from one confusion matrix over all
images, where pixels whose true label is ignored count nowhere; a class that never occurs is not a number, and
`getScoreAverage` leaves it out.
"""

import math

import numpy as np
import pytest
import torch

from smis.metrics.image.result import Bootstrap
from smis.metrics.segmentation import Segmentation, iou

CLASSES, IGNORED = 6, 255


def by_hand(truth: np.ndarray, predicted: np.ndarray) -> tuple[list[float], float]:
    counts = np.zeros((CLASSES, CLASSES), dtype=int)
    for true, found in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
        if true != IGNORED:
            counts[true, found] += 1
    scores = []
    for label in range(CLASSES):
        hits = int(counts[label, label])
        missed = int(counts[label, :].sum()) - hits
        wrong = sum(int(counts[other, label]) for other in range(CLASSES) if other != label)
        scores.append(hits / (hits + wrong + missed) if hits + wrong + missed else math.nan)
    known = [score for score in scores if not math.isnan(score)]
    return scores, sum(known) / len(known)


def test_iou_and_its_mean_are_those_of_the_scripts() -> None:
    numbers = np.random.default_rng(0)
    truth = numbers.integers(0, CLASSES - 1, (3, 12, 9))  # the last class never occurs
    predicted = np.where(numbers.random(truth.shape) < 0.6, truth, numbers.integers(0, CLASSES - 1, truth.shape))
    truth[:, :2] = IGNORED
    scores, mean = by_hand(truth, predicted)
    found = Segmentation(classes=CLASSES, ignore=IGNORED, protocol={})
    found.update(["a", "b", "c"], torch.from_numpy(predicted), torch.from_numpy(truth))
    np.testing.assert_allclose(iou(found.total()), scores)
    assert found.compute(Bootstrap(5))[0].value == pytest.approx(mean)
    results = found.per_class(Bootstrap(5))
    assert [result.name for result in results] == [f"IoU_{label}" for label in range(CLASSES - 1)]
    assert [result.value for result in results] == pytest.approx(scores[:-1])
