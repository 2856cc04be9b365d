"""Our Fréchet distance, by symmetric eigenvalues, against the formula with scipy's root of a general matrix."""

import numpy as np
import pytest
import torch
from scipy import linalg

from smis.metrics.image.fid import Statistics, frechet_distance


def covariance(seed: int, dimensions: int) -> np.ndarray:
    """Eigenvalues from 0.5 to 2, so that scipy's root is exact to rounding."""
    draw = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(draw.standard_normal((dimensions, dimensions)))
    return axes * draw.uniform(0.5, 2, dimensions) @ axes.T


@pytest.mark.parametrize("dimensions", [2, 64, 256])
def test_the_distance_equals_the_one_with_scipys_root_where_that_is_exact(dimensions: int) -> None:
    means = np.random.default_rng(0).standard_normal((2, dimensions))
    one, other = covariance(1, dimensions), covariance(2, dimensions)
    root = np.real(linalg.sqrtm(one @ other))
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(one + other - 2 * root)
    both = zip(means, (one, other), strict=True)
    ours = frechet_distance(*(Statistics(torch.from_numpy(m), torch.from_numpy(c)) for m, c in both))
    assert ours == pytest.approx(float(expected), rel=1e-10)
