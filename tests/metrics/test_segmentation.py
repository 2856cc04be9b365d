import numpy as np
import pytest
import torch

from smis.core.errors import LabelError
from smis.metrics.image.result import Bootstrap, Ignored
from smis.metrics.segmentation import (
    Segmentation,
    accuracy,
    class_counts,
    confusion,
    iou,
    mean_iou,
    precision,
    recall,
)


def maps(count: int, classes: int, seed: int) -> torch.Tensor:
    return torch.randint(classes, (count, 6, 5), generator=torch.Generator().manual_seed(seed))


def test_a_perfect_prediction_scores_1() -> None:
    truth = maps(3, 4, seed=0)
    counts = class_counts(confusion(truth, truth, classes=4))
    assert mean_iou(counts).tolist() == [1, 1, 1]
    assert accuracy(counts).tolist() == [1, 1, 1]


def test_a_class_half_found_scores_as_counted_by_hand() -> None:
    truth = torch.tensor([[[0, 0, 0, 0], [1, 1, 1, 1]]])
    predicted = torch.tensor([[[0, 0, 0, 0], [0, 0, 1, 1]]])
    counts = class_counts(confusion(predicted, truth, classes=3))[0]
    np.testing.assert_allclose(iou(counts), [4 / 6, 2 / 4, np.nan])
    np.testing.assert_allclose(precision(counts), [4 / 6, 1, np.nan])
    np.testing.assert_allclose(recall(counts), [1, 2 / 4, np.nan])
    assert mean_iou(counts) == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert accuracy(counts) == pytest.approx(6 / 8)


def test_pixels_that_nobody_labeled_do_not_count() -> None:
    truth = torch.tensor([[[0, 255], [1, 255]]])
    counts = confusion(torch.tensor([[[0, 0], [1, 1]]]), truth, classes=2, ignore=255)
    assert counts.tolist() == [[[1, 0], [0, 1]]]
    several = confusion(torch.tensor([[[0, 0], [1, 1]]]), truth, classes=2, ignore=frozenset({255, 1}))
    assert several.tolist() == [[[1, 0], [0, 0]]]


def test_the_mean_is_over_classes_of_all_images_and_not_over_images() -> None:
    found = Segmentation(classes=2, protocol={})
    truth = torch.tensor([[[0, 0, 0, 0]], [[0, 1, 1, 1]]])
    found.update(["a", "b"], torch.tensor([[[0, 0, 0, 0]], [[0, 0, 0, 1]]]), truth)
    miou, share = found.compute(Bootstrap(10))
    assert miou.value == pytest.approx((5 / 7 + 1 / 3) / 2)
    assert share.value == pytest.approx(6 / 8)


def test_merged_parts_give_what_one_process_gives() -> None:
    one, first, second = (Segmentation(classes=5, protocol={"segmenter": "s"}) for _ in range(3))
    truth, predicted = maps(8, 5, seed=0), maps(8, 5, seed=1)
    keys = [str(number) for number in range(8)]
    one.update(keys, predicted, truth)
    first.update(keys[4:], predicted[4:], truth[4:])
    second.update(keys[:4], predicted[:4], truth[:4])
    first.merge(second)
    assert first.compute(Bootstrap(50)) == one.compute(Bootstrap(50))


@pytest.mark.parametrize(("strange", "ignore"), [(255, None), (5, 4), (-1, None), (255, [4, 254])])
def test_a_true_id_that_is_no_class_is_refused_with_the_remedy(strange: int, ignore: Ignored) -> None:
    truth = maps(2, 5, seed=0)
    truth[0, 1, 1] = strange
    with pytest.raises(
        LabelError, match=rf"truth: id {strange}, but 5 classes have the ids 0 to 4; .* ignore={strange}"
    ):
        confusion(maps(2, 5, seed=1), truth, classes=5, ignore=ignore)


def test_a_predicted_id_that_is_no_class_is_refused_where_it_counts() -> None:
    truth, predicted = maps(2, 4, seed=0), maps(2, 5, seed=1)
    predicted[0, 1, 1] = 9
    with pytest.raises(LabelError, match="predicted: id 9, but 5 classes have the ids 0 to 4"):
        confusion(predicted, truth, classes=5, ignore=255)
    truth[0, 1, 1] = 255
    assert confusion(predicted, truth, classes=5, ignore=255).sum() == truth.numel() - 1


def test_without_a_pixel_that_counts_nothing_is_measured() -> None:
    found = Segmentation(classes=2, ignore=255, protocol={})
    with pytest.raises(LabelError, match="no pixel counts: the truth of 0 label maps"):
        found.compute(Bootstrap(10))
    found.update(["a"], maps(1, 2, seed=0), torch.full((1, 6, 5), 255))
    with pytest.raises(LabelError, match=r"no pixel counts: the truth of 1 label maps .* ignored \(\[255\]\)"):
        found.compute(Bootstrap(10))
    found.update(["b"], maps(1, 2, seed=0), maps(1, 2, seed=0))
    assert [result.value for result in found.compute(Bootstrap(10))] == [1, 1]
