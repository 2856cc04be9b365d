"""Our Fréchet distance against pytorch-fid's."""

import numpy as np
import pytest
import torch
from pytorch_fid.fid_score import calculate_frechet_distance

from smis.metrics.fid import Statistics, frechet_distance


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
