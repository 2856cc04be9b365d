"""Our mIoU and IoU of each class against the benchmark's own package `cityscapesscripts`, on files as it wants them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as scripts
from cityscapesscripts.helpers.labels import labels, name2label, trainId2label
from PIL import Image

from smis.datasets import cityscapes
from smis.metrics import segformer
from smis.metrics.image.result import Bootstrap
from smis.metrics.segmentation import Segmentation

EVALUATED = tuple(trainId2label[number].id for number in range(19))
CLASSES = 34
"""Label ids that the scripts count; 'license plate' is -1 there."""
IGNORED = frozenset(range(CLASSES)) - frozenset(EVALUATED)
KEYS = ("aachen_000000_000019", "bochum_000001_000019", "ulm_000002_000019")


def made_up(*, seed: int, predicted: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return true label ids of all kinds in blocks, and predictions that are right in every second place or so."""
    numbers = np.random.default_rng(seed)
    truth = np.kron(numbers.integers(0, CLASSES - 1, (len(KEYS), 8, 16)), np.ones((1, 4, 4), int))
    guess = numbers.choice(predicted, truth.shape)
    right = (numbers.random(truth.shape) < 0.6) & np.isin(truth, predicted)
    return truth, np.where(right, truth, guess)


def theirs(folder: Path, truth: np.ndarray, predicted: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let the scripts evaluate PNG files."""
    pairs: list[tuple[str, str]] = []
    for key, true, found in zip(KEYS, truth, predicted, strict=True):
        paths = folder / f"{key}_pred_labelIds.png", folder / f"{key}_gtFine_labelIds.png"
        for path, ids in zip(paths, (found, true), strict=True):
            Image.fromarray(ids.astype(np.uint8)).save(path)
        pairs.append((str(paths[0]), str(paths[1])))
    for name in ("evalInstLevelScore", "JSONOutput"):
        monkeypatch.setattr(scripts.args, name, False)
    monkeypatch.setattr(scripts.args, "quiet", True)
    found, true = zip(*pairs, strict=True)
    return scripts.evaluateImgLists(list(found), list(true), scripts.args)


def ours(truth: np.ndarray, predicted: np.ndarray) -> Segmentation:
    found = Segmentation(classes=CLASSES, ignore=IGNORED, protocol={})
    found.update(KEYS, torch.from_numpy(predicted), torch.from_numpy(truth))
    return found


@pytest.mark.parametrize("predicted", [EVALUATED, tuple(range(CLASSES))])
def test_every_iou_and_its_mean_are_those_of_the_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, predicted: tuple[int, ...]
) -> None:
    truth, found = made_up(seed=0, predicted=predicted)
    expected = theirs(tmp_path, truth, found, monkeypatch)
    scores = {name2label[name].id: score for name, score in expected["classScores"].items() if not math.isnan(score)}
    counted = ours(truth, found)
    values = {int(result.name.removeprefix("IoU_")): result.value for result in counted.per_class(Bootstrap(5))}
    assert len(scores) == 19
    assert values == pytest.approx(scores, rel=1e-12)
    assert counted.compute(Bootstrap(5))[0].value == pytest.approx(expected["averageScoreClasses"], rel=1e-12)


def test_the_published_networks_channels_are_the_train_ids_and_our_names_the_official_ones() -> None:
    assert segformer.PUBLISHED["segformer_cityscapes"].ids == EVALUATED
    assert frozenset(label.id for label in labels if label.ignoreInEval and label.id >= 0) == IGNORED
    named = [*(label.name for label in labels if label.id >= 0), "license plate"]
    assert list(cityscapes.NAMES) == named
