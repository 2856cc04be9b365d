import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from smis.core.errors import ParamsError, ProtocolError, ShardError
from smis.metrics.image import fid
from smis.metrics.image.fid import (
    ENOUGH_IMAGES,
    FrechetDistance,
    Moments,
    Statistics,
    expansion,
    expansion_of_few,
    frechet_distance,
)
from smis.metrics.image.result import Bootstrap


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
    # singular: the roots of 1,548 eigenvalues that are round-off, other ones with AVX-512 (1.05e-4 off) than with AVX2
    tolerance = 3e-4 if shape == (500, 2048) else 5e-10
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


def test_the_interval_lies_around_the_value_and_few_images_are_warned_of() -> None:
    distance = FrechetDistance("fd", gaussian(np.random.RandomState(1).randn(300, 16)), {"network": "n"})
    for seed in range(4):
        distance.update(torch.from_numpy(np.random.RandomState(seed).randn(32, 16)).float() + 1)
    result = distance.compute(Bootstrap(100))
    assert result.interval[0] < result.value < result.interval[1]
    assert result.protocol["label_maps"] == 128
    assert result.protocol["warning"] == "128 images: biased upwards below 2048"


def normal(images: int, dimensions: int, seed: int) -> torch.Tensor:
    mixing = np.random.RandomState(5).randn(dimensions, dimensions) / dimensions**0.5
    return torch.from_numpy(np.random.RandomState(seed).randn(images, dimensions) @ mixing + 0.2)


def test_influences_spread_as_resamples_do_where_images_are_many() -> None:
    reference, vectors = gaussian(np.random.RandomState(1).randn(72, 24)), normal(400, 24, seed=2)
    expanded = expansion(reference, gaussian(vectors.numpy()), vectors)[1].std().item() / 400**0.5
    copies = [np.repeat(vectors.numpy(), counts.astype(int), axis=0) for counts in Bootstrap(100).counts(400)]
    resampled = [frechet_distance(reference, gaussian(copied)) for copied in copies]
    assert expanded == pytest.approx(np.std(resampled), rel=0.2)


def test_influences_spread_as_other_images_would_where_the_covariance_is_singular() -> None:
    reference, vectors = gaussian(np.random.RandomState(1).randn(300, 100)), normal(60, 100, seed=2)
    expanded = expansion(reference, gaussian(vectors.numpy()), vectors)[1].std().item() / 60**0.5
    others = [frechet_distance(reference, gaussian(normal(60, 100, seed=3 + n).numpy())) for n in range(40)]
    assert expanded == pytest.approx(np.std(others), rel=0.35)


def test_few_images_expand_as_many_do() -> None:
    reference, vectors = gaussian(np.random.RandomState(1).randn(300, 40)), normal(30, 40, seed=2)
    drawn = gaussian(vectors.numpy())
    few, many = (expand(reference, drawn, vectors) for expand in (expansion_of_few, expansion))
    assert few[0] == pytest.approx(many[0], rel=1e-6)
    assert few[0] == pytest.approx(frechet_distance(reference, drawn), rel=1e-6)
    torch.testing.assert_close(few[1], many[1], rtol=1e-5, atol=1e-6)


def test_many_images_have_an_interval_from_those_that_are_kept() -> None:
    reference = gaussian(np.random.RandomState(1).randn(300, 8))
    vectors = torch.from_numpy(np.random.RandomState(2).randn(6000, 8) + 0.3)
    distance = FrechetDistance("fd", reference, {})
    for number, part in enumerate(vectors.split(500)):
        distance.update(part, [f"{500 * number + row}" for row in range(len(part))])
    result = distance.compute(Bootstrap())
    moments = Moments(8)
    moments.update(vectors)
    assert result.value == pytest.approx(frechet_distance(reference, moments.statistics()), rel=1e-12)
    whole = expansion(reference, moments.statistics(), vectors)[1].std().item() / 6000**0.5
    assert (result.interval[1] - result.interval[0]) / (2 * 1.96) == pytest.approx(whole, rel=0.1)
    assert len(distance._vectors.vectors()) == ENOUGH_IMAGES


class Means(nn.Module):
    """Stands for Inception: 2048 numbers from the mean colors."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0, 1, 3 * 2048).reshape(3, 2048).cos())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert image.shape[2:] == (299, 299)
        return image.mean(dim=(2, 3)) @ self.weight


def images(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, 3, 9, 7, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_fid_of_tensors_batches_and_statistics_is_one_number(tmp_path: Path) -> None:
    real, fake, network = images(12, seed=0), images(9, seed=1), Means()
    result = fid.measure(real, fake, network=network, batch=5)
    fid.statistics(real, network=network).write(tmp_path / "real.npz")
    stored = Statistics.read(tmp_path / "real.npz")
    again = fid.measure(stored, fake.split(2), network=network)
    assert again.value == pytest.approx(result.value, rel=1e-6)
    assert result.name == "fid"
    expected = {"network": "inception_fid", "weights": "6726825d", "label_maps": 9, "reference_images": 12}
    assert expected.items() <= result.protocol.items()
    assert result.protocol["warning"] == "9 images: biased upwards below 2048"
    both = fid.measure(stored, fid.statistics(fake, network=network))
    assert both.value == pytest.approx(result.value, rel=1e-6)
    assert both.to_json()["interval"] == [None, None]


def test_statistics_of_another_network_are_refused_by_the_field_that_differs(tmp_path: Path) -> None:
    zero, unit = torch.zeros(2048, dtype=torch.float64), torch.eye(2048, dtype=torch.float64)
    other = Statistics(zero, unit, 9, json.dumps({"network": "stlpips_vgg16"}))
    with pytest.raises(ProtocolError, match="statistics have network 'stlpips_vgg16', but FID has 'inception_fid'"):
        fid.measure(other, images(3, seed=0), network=Means())
    with pytest.raises(ProtocolError, match="statistics of 8 dimensions are no FID's, which have 2048"):
        fid.measure(gaussian(np.random.RandomState(0).randn(9, 8)), images(3, seed=0), network=Means())


def test_a_single_image_has_no_covariance() -> None:
    with pytest.raises(ParamsError, match="a set of 1 image has no covariance"):
        fid.measure(images(3, seed=0), images(1, seed=1), network=Means())


def test_names_make_the_order_of_the_images_irrelevant_and_the_seed_draws_the_resamples() -> None:
    real, fake, network = images(12, seed=0), images(9, seed=1), Means()
    batches = [([f"{row}" for row in rows], fake[rows]) for rows in ([0, 1, 2, 3], [4, 5], [6, 7, 8])]
    one, other = (fid.measure(real, some, network=network, seed=3) for some in (batches, batches[::-1]))
    np.testing.assert_allclose(one.interval, other.interval, rtol=1e-5)
    assert (one.protocol["keys"], one.protocol["seed"]) == (other.protocol["keys"], 3)
    assert fid.measure(real, batches, network=network).interval != one.interval


def test_statistics_that_do_not_say_of_how_many_images_are_not_said_to_be_of_0(tmp_path: Path) -> None:
    for name, seed in {"real": 0, "fake": 1}.items():
        points = np.random.RandomState(seed).randn(3000, 8)
        np.savez(tmp_path / f"{name}.npz", mu=points.mean(axis=0), sigma=np.cov(points, rowvar=False))
    real, fake = (Statistics.read(tmp_path / f"{name}.npz") for name in ("real", "fake"))
    protocol = FrechetDistance("fd", real, {}).compare(fake).protocol
    assert not {"label_maps", "reference_images"} & protocol.keys()
    assert protocol["warning"] == "number of images unknown"
