"""Our confusion matrix and intersection over union against scikit-learn's."""

import numpy as np
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

from smis.metrics.segmentation import accuracy, confusion, iou


def test_counts_scores_and_shares_equal_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    truth, predicted = (torch.randint(5, (4, 16, 16), generator=generator) for _ in range(2))
    truth[0, :3] = 255
    counts = confusion(predicted, truth, classes=5, ignore=255).sum(axis=0)
    kept = truth != 255
    flat = truth[kept].numpy(), predicted[kept].numpy()
    np.testing.assert_array_equal(counts, confusion_matrix(*flat, labels=range(5)))
    np.testing.assert_allclose(iou(counts), jaccard_score(*flat, average=None))  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(accuracy(counts), accuracy_score(*flat))
