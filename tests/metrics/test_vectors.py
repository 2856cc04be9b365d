from typing import Any

import pytest
import torch

from smis.core.errors import ImageError, ParamsError
from smis.metrics.image.features import NamedVectors
from smis.metrics.image.fid import FrechetDistance, Moments, Statistics
from smis.metrics.image.result import Bootstrap
from smis.metrics.kid import KernelDistance


def features(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


def names(rows: range) -> list[str]:
    return [f"image {row}" for row in rows]


def frechet() -> FrechetDistance:
    return FrechetDistance("fd", Statistics(torch.zeros(4).double(), torch.eye(4).double(), 50), {})


def kernel() -> KernelDistance:
    return KernelDistance("kid", {}, count=5, size=10)


@pytest.mark.parametrize("strange", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_refused_by_the_images_name(strange: float) -> None:
    spoilt = features(6)
    spoilt[2, 3] = strange
    for update in (frechet().update, kernel().update, kernel().update_real):
        with pytest.raises(ImageError, match="the features of image 2 are not finite"):
            update(spoilt, names(range(6)))
        with pytest.raises(ImageError, match="the features of image 2 of a batch of 6 are not finite"):
            update(spoilt)
    with pytest.raises(ImageError, match="are not finite"):
        Moments(4).update(spoilt)


def test_a_reference_that_every_process_holds_counts_once() -> None:
    real, fake = features(30), features(20, seed=1)
    one, first, second = kernel(), kernel(), kernel()
    for distance, rows in ((one, range(20)), (first, range(8)), (second, range(8, 20))):
        distance.update_real(real, [f"real {row}" for row in range(30)])
        distance.update(fake[list(rows)], names(rows))
    first.merge(second)
    assert first.compute(Bootstrap(20)) == one.compute(Bootstrap(20))
    assert first.compute(Bootstrap(20)).protocol["reference_images"] == 30


def test_images_without_names_are_not_merged() -> None:
    pairs: list[tuple[Any, Any]] = [(frechet(), frechet()), (kernel(), kernel())]
    for first, second in pairs:
        first.update(features(3))
        second.update(features(3, seed=1))
        with pytest.raises(ParamsError, match="features without names of their images cannot be merged"):
            first.merge(second)


def test_a_mean_does_not_count_an_image_of_two_processes_twice() -> None:
    first, second = frechet(), frechet()
    first.update(features(3), names(range(3)))
    second.update(features(3, seed=1), names(range(2, 5)))
    with pytest.raises(ParamsError, match="image 2 was measured by two processes, which would count it twice"):
        first.merge(second)


def test_which_images_were_seen_is_told_where_they_have_names() -> None:
    named, nameless = NamedVectors(), NamedVectors()
    named.update(features(3), names(range(3)))
    nameless.update(features(3))
    assert named.protocol().keys() == {"label_maps", "keys"}
    assert nameless.protocol() == {"label_maps": 3}
