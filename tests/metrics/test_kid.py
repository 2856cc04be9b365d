import itertools

import numpy as np
import pytest
import torch

from smis.core.errors import ParamsError
from smis.metrics.image.result import Bootstrap
from smis.metrics.kid import KernelDistance, discrepancy, subsets


def vectors(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 16, generator=torch.Generator().manual_seed(seed)) + shift


def gathered(real: torch.Tensor, fake: torch.Tensor, *, count: int = 100) -> KernelDistance:
    distance = KernelDistance("kid", {"network": "n"}, count=count)
    distance.update_real(real)
    for part in fake.split(7):
        distance.update(part)
    return distance


def test_the_discrepancy_is_that_of_the_papers_sums() -> None:
    real, fake = vectors(6, seed=0).double(), vectors(6, seed=1, shift=0.5).double()

    def k(x: torch.Tensor, y: torch.Tensor) -> float:
        return (x @ y / 16 + 1).item() ** 3

    expected = sum(k(real[a], real[b]) + k(fake[a], fake[b]) for a, b in itertools.permutations(range(6), 2)) / 30
    expected -= 2 * sum(k(real[a], fake[b]) for a in range(6) for b in range(6)) / 36
    assert discrepancy(real, fake)[0] == pytest.approx(expected, rel=1e-12)


def test_sets_of_one_distribution_are_0_apart_on_average_though_small() -> None:
    values = [discrepancy(vectors(20, seed=2 * n), vectors(20, seed=2 * n + 1))[0] for n in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 200**0.5
    assert min(values) < 0


def test_the_interval_is_as_wide_as_values_of_other_draws_are_spread() -> None:
    real = vectors(200, seed=0)
    results = [gathered(real, vectors(60, seed=n + 1, shift=0.3), count=5).compute(Bootstrap()) for n in range(40)]
    spread = np.std([result.value for result in results])
    widths = [(result.interval[1] - result.interval[0]) / (2 * 1.96) for result in results]
    # every subset holds all generated images, but other real ones: those move the value too
    assert 0.6 * spread < np.median(widths) < 1.4 * spread


def test_a_subset_holds_no_row_twice_and_is_the_same_for_the_same_seed() -> None:
    rows = subsets(30, size=12, count=4, seed=3, side="real")
    assert all(len(set(subset.tolist())) == 12 for subset in rows)
    assert torch.equal(rows, subsets(30, size=12, count=4, seed=3, side="real"))
    assert not torch.equal(rows, subsets(30, size=12, count=4, seed=3, side="fake"))


def test_a_smaller_set_makes_smaller_subsets() -> None:
    result = gathered(vectors(30, seed=0), vectors(20, seed=1)).compute(Bootstrap())
    assert (result.protocol["subset_images"], result.protocol["subsets"]) == (20, 100)
    assert (result.protocol["label_maps"], result.protocol["reference_images"]) == (20, 30)


def test_one_image_has_no_pairs() -> None:
    with pytest.raises(ParamsError, match="a set of 1 image has no pairs; at least 2 are needed"):
        gathered(vectors(30, seed=0), vectors(1, seed=1)).compute(Bootstrap())
