from pathlib import Path

import numpy as np
import pytest
import torch

from smis.core.errors import ShardError
from smis.metrics.fid import FrechetDistance, Moments, Statistics, frechet_distance, resampled_distances
from smis.metrics.result import Bootstrap


def gaussian(points: np.ndarray) -> Statistics:
    mean, covariance = points.mean(axis=0), np.cov(points, rowvar=False)
    return Statistics(torch.from_numpy(mean), torch.from_numpy(covariance), len(points))


@pytest.mark.parametrize("dimensions", [1, 7, 64])
def test_standard_normals_with_means_0_and_1_are_as_far_apart_as_they_have_dimensions(dimensions: int) -> None:
    zero, unit = torch.zeros(dimensions, dtype=torch.float64), torch.eye(dimensions, dtype=torch.float64)
    assert frechet_distance(Statistics(zero, unit), Statistics(zero + 1, unit)) == pytest.approx(dimensions, rel=1e-12)


def test_diagonal_covariances_differ_by_the_squares_of_their_roots_differences() -> None:
    zero, a, b = torch.zeros(5).double(), torch.rand(5).double() + 0.1, torch.rand(5).double() + 0.1
    expected = (a.sqrt() - b.sqrt()).square().sum().item()
    assert frechet_distance(Statistics(zero, a.diag()), Statistics(zero, b.diag())) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((100, 64), 29.221669128),
        ((5000, 256), 20.753036990),
        pytest.param((4000, 2048), 732.769073774, marks=pytest.mark.slow),
        ((500, 2048), 3015.5594),  # fewer points than dimensions: singular
    ],
)
def test_the_published_table_comes_out(shape: tuple[int, int], expected: float) -> None:
    first = gaussian(np.random.RandomState(1).randn(*shape))
    second = gaussian(np.random.RandomState(2).randn(*shape) * 1.2 + 0.1)
    tolerance = 1e-4 if shape == (500, 2048) else 5e-10
    assert frechet_distance(first, second) == pytest.approx(expected, abs=tolerance)


def test_a_set_is_0_from_itself_and_never_negative() -> None:
    singular = gaussian(np.random.RandomState(0).randn(10, 32))
    assert 0 <= frechet_distance(singular, singular) < 1e-5
    constant = gaussian(np.ones((4, 8)))
    assert frechet_distance(constant, constant) == 0


def test_the_order_of_the_two_sets_does_not_matter() -> None:
    first, second = gaussian(np.random.RandomState(0).randn(40, 8)), gaussian(np.random.RandomState(1).rand(5, 8))
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-6)


def test_statistics_of_merged_pieces_equal_those_of_one_pass() -> None:
    points = torch.from_numpy(np.random.RandomState(0).randn(101, 9) + 100)
    moments, other = Moments(9), Moments(9)
    for number, piece in enumerate(points.split(17)):
        (moments if number % 2 else other).update(piece)
    moments.merge(other)
    moments.merge(Moments(9))
    found, expected = moments.statistics(), gaussian(points.numpy())
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.covariance, expected.covariance, rtol=1e-9, atol=1e-12)
    assert found.count == 101


def test_what_is_written_is_read(tmp_path: Path) -> None:
    statistics = gaussian(np.random.RandomState(0).randn(10, 4))
    statistics.write(tmp_path / "s.npz")
    found = Statistics.read(tmp_path / "s.npz")
    assert torch.equal(found.mean, statistics.mean)
    assert torch.equal(found.covariance, statistics.covariance)
    assert found.count == 10


def test_a_file_of_pytorch_fid_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "s.npz", mu=np.zeros(3), sigma=np.eye(3))
    assert Statistics.read(tmp_path / "s.npz").covariance.tolist() == np.eye(3).tolist()


def test_missing_and_broken_statistics_are_named(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"there is no .*s\.npz; the stage `reference` writes it"):
        Statistics.read(tmp_path / "s.npz")
    gaussian(np.random.RandomState(0).randn(10, 4)).write(tmp_path / "s.npz")
    (tmp_path / "s.npz").write_bytes((tmp_path / "s.npz").read_bytes()[:200])
    with pytest.raises(ShardError, match="holds no statistics"):
        Statistics.read(tmp_path / "s.npz")
    np.savez(tmp_path / "s.npz", mean=np.zeros(3))
    with pytest.raises(ShardError, match="holds no statistics"):
        Statistics.read(tmp_path / "s.npz")


@pytest.mark.parametrize("points", [12, 60])
def test_a_resample_is_measured_as_if_its_images_were_copied(points: int) -> None:
    reference = gaussian(np.random.RandomState(1).randn(200, 16))
    vectors = torch.from_numpy(np.random.RandomState(2).randn(points, 16) * 1.3 + 0.2)
    found = resampled_distances(reference, vectors, Bootstrap(5, seed=3))
    for counts, distance in zip(Bootstrap(5, seed=3).counts(points), found, strict=True):
        copied = np.repeat(vectors.numpy(), counts.astype(int), axis=0)
        assert distance == pytest.approx(frechet_distance(reference, gaussian(copied)), rel=1e-6)


def test_the_interval_lies_around_the_value_and_few_images_are_warned_of() -> None:
    distance = FrechetDistance("fd", gaussian(np.random.RandomState(1).randn(300, 16)), {"network": "n"})
    for seed in range(4):
        distance.update(torch.from_numpy(np.random.RandomState(seed).randn(32, 16)).float() + 1)
    result = distance.compute(Bootstrap(100))
    assert result.interval[0] < result.value < result.interval[1]
    assert result.protocol["label_maps"] == 128
    assert result.protocol["warning"] == "128 images: biased upwards below 2048"
