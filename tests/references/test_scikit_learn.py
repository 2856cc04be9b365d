"""Our confusion matrix and intersection over union against scikit-learn's."""

import numpy as np
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score, precision_score, recall_score

from smis.metrics.segmentation import accuracy, class_counts, confusion, iou, precision, recall


def test_counts_scores_and_shares_equal_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    truth, predicted = (torch.randint(5, (4, 16, 16), generator=generator) for _ in range(2))
    truth[0, :3] = 255
    matrix = confusion(predicted, truth, classes=5, ignore=255).sum(axis=0)
    counts = class_counts(matrix)
    kept = truth != 255
    flat = truth[kept].numpy(), predicted[kept].numpy()
    np.testing.assert_array_equal(matrix, confusion_matrix(*flat, labels=range(5)))
    np.testing.assert_allclose(iou(counts), jaccard_score(*flat, average=None))  # pyright: ignore[reportArgumentType]
    shares = {"labels": range(5), "average": None}
    np.testing.assert_allclose(precision(counts), precision_score(*flat, **shares))  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(recall(counts), recall_score(*flat, **shares))  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(accuracy(counts), accuracy_score(*flat))
