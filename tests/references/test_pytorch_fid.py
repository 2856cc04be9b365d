"""Our Fréchet distance against pytorch-fid's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_fid.fid_score import calculate_frechet_distance, compute_statistics_of_path

from smis.metrics.image.fid import Statistics, frechet_distance


def gaussian(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points.mean(axis=0), np.cov(points, rowvar=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("shape", [(300, 32), (400, 128)])
def test_the_distance_equals_that_of_pytorch_fid(shape: tuple[int, int]) -> None:
    mixing = np.random.RandomState(0).randn(shape[1], shape[1])
    first = gaussian(np.random.RandomState(1).randn(*shape) @ mixing)
    second = gaussian(np.random.RandomState(2).rand(*shape) @ mixing + 0.3)
    ours = frechet_distance(*(Statistics(torch.from_numpy(m), torch.from_numpy(c)) for m, c in (first, second)))
    assert ours == pytest.approx(float(calculate_frechet_distance(*first, *second)), rel=1e-4)


def test_pytorch_fid_reads_our_statistics(tmp_path: Path) -> None:
    mean, covariance = gaussian(np.random.RandomState(0).randn(20, 6))
    Statistics(torch.from_numpy(mean), torch.from_numpy(covariance), 20, "{}").write(tmp_path / "s.npz")
    found = compute_statistics_of_path(str(tmp_path / "s.npz"), None, 50, 2048, "cpu")
    np.testing.assert_array_equal(found[0], mean)
    np.testing.assert_array_equal(found[1], covariance)
