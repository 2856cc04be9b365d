import numpy as np
import pytest
import torch

from smis.core.errors import ProtocolError
from smis.metrics.comparison import compare
from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.result import Bootstrap, Result
from smis.metrics.image.sample_diversity import Diversity
from smis.metrics.kid import KernelDistance

BOOTSTRAP = Bootstrap(400)


def result(values: np.ndarray, *, name: str = "d", **protocol: object) -> Result:
    return Result.drawn(name, float(values.mean()), draws=BOOTSTRAP.means(values), protocol=protocol)


def systems(*, apart: float, noise: float) -> tuple[Result, Result]:
    """Two systems on the same 40 label maps, of which some are much harder than others."""
    numbers = np.random.default_rng(0)
    hardness = numbers.normal(0, 1, size=40)
    return result(hardness + apart + numbers.normal(0, noise, size=40)), result(hardness)


def test_pairing_sees_a_difference_that_the_two_intervals_hide() -> None:
    first, second = systems(apart=0.1, noise=0.05)
    assert first.interval[0] < second.value < first.interval[1]
    difference = compare(first, second)
    assert not difference.within_noise
    assert difference.interval[0] < 0.1 < difference.interval[1]
    assert difference.value == pytest.approx(first.value - second.value)


def test_a_difference_that_other_label_maps_could_turn_round_is_within_noise() -> None:
    first, second = systems(apart=0, noise=0.05)
    assert compare(first, second).within_noise
    assert compare(first, first).interval == (0, 0)


def test_the_interval_holds_the_true_difference_about_95_times_in_100() -> None:
    held = 0
    for seed in range(200):
        numbers = np.random.default_rng(seed)
        hardness = numbers.normal(0, 1, size=30)
        first, second = hardness + numbers.normal(0.2, 0.3, size=30), hardness
        low, high = compare(result(first), result(second)).interval
        held += low < 0.2 < high
    assert 0.90 < held / 200 < 0.98


def test_what_was_measured_in_another_way_is_refused_by_the_field() -> None:
    values = np.arange(5.0)
    with pytest.raises(ProtocolError, match=r"d and d cannot be compared, .* different ways: samples is 20 and 8"):
        compare(result(values, samples=20), result(values, samples=8))
    with pytest.raises(ProtocolError, match="they are two metrics"):
        compare(result(values), result(values, name="e"))
    with pytest.raises(ProtocolError, match="n has no resamples over label maps"):
        compare(Result("n", 1, (1, 1)), Result("n", 2, (2, 2)))


def test_other_label_maps_are_another_protocol(alex: PerceptualDistance) -> None:
    image = torch.rand(3, 3, 32, 32) * 2 - 1
    found = []
    for keys in ("ab", "ac"):
        metric = Diversity(alex)
        for key in keys:
            metric.update(key, image)
        found.append(metric.compute(BOOTSTRAP))
    with pytest.raises(ProtocolError, match="keys is"):
        compare(*found)


def test_images_without_names_are_never_paired() -> None:
    found = []
    for seed in range(2):
        metric = KernelDistance("kid", {}, count=5)
        metric.update_real(torch.randn(20, 4, generator=torch.Generator().manual_seed(9)))
        metric.update(torch.randn(20, 4, generator=torch.Generator().manual_seed(seed)))
        found.append(metric.compute(BOOTSTRAP))
    assert "keys" not in found[0].protocol
    with pytest.raises(ProtocolError, match="kid of images without names cannot be compared"):
        compare(*found)
