import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from smis.core.images import to_image
from smis.datasets.paperdoll import Config as PaperDollConfig
from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.result import Bootstrap
from smis.metrics.image.sample_diversity import (
    Diversity,
    Pairing,
    RegionDiversity,
    RegionRule,
    diversity,
    pair_up,
    region_diversity,
)

PAIRINGS: list[Pairing] = ["consecutive", "all"]


def images(samples: int, size: int = 32, seed: int = 0) -> Tensor:
    return torch.rand(samples, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def left_half(size: int = 32) -> Tensor:
    inside = torch.zeros(size, size, dtype=torch.bool)
    inside[:, : size // 2] = True
    return inside


def positions(samples: int, pairs: Pairing) -> list[tuple[int, int]]:
    first, second = pair_up(samples, pairs)
    return list(zip(first.tolist(), second.tolist(), strict=True))


def test_20_samples_have_19_neighbors_and_190_pairs() -> None:
    assert len(pair_up(20)[0]) == 19
    assert len(pair_up(20, "all")[0]) == 190
    assert len(set(positions(20, "all"))) == 190


@pytest.mark.parametrize("pairs", PAIRINGS)
def test_diversity_is_the_distance_of_every_pair(alex: PerceptualDistance, pairs: Pairing) -> None:
    image = images(4)
    expected = [alex(image[[a]], image[[b]]).item() for a, b in positions(4, pairs)]
    np.testing.assert_allclose(diversity(image, alex, pairs=pairs, batch=3), expected, rtol=1e-5)


def brute_force(image: Tensor, inside: Tensor, network: PerceptualDistance, pairs: Pairing) -> tuple[float, float]:
    """Compute mCSD and mOCD of one label map and one class word by word."""
    within, without = [], []
    for a, b in positions(len(image), pairs):
        first, second = image[[a]].clone(), image[[b]].clone()
        for kept, distances in ((inside, within), (~inside, without)):
            one, other = first.clone(), second.clone()
            one[:, :, ~kept] = 0
            other[:, :, ~kept] = 0
            distances.append(network(one, other).item())
    return float(np.mean(within)), float(np.mean(without))


@pytest.mark.parametrize("pairs", PAIRINGS)
def test_mcsd_and_mocd_equal_brute_force(alex: PerceptualDistance, pairs: Pairing) -> None:
    gathered = RegionDiversity(alex, classes=3, pairs=pairs, batch=3)
    expected: dict[int, list[tuple[float, float]]] = {0: [], 2: []}
    for number, resampled in ((0, 0), (0, 2), (1, 0)):
        image, inside = images(3, seed=10 * number + resampled), left_half() if resampled else ~left_half().T
        gathered.update(f"map {number}", image, inside, resampled=resampled)
        expected[resampled].append(brute_force(image, inside, alex, pairs))
    mcsd, mocd = gathered.compute(Bootstrap(10))
    means = np.array([np.mean(values, axis=0) for values in expected.values()]).mean(axis=0)
    np.testing.assert_allclose([mcsd.value, mocd.value], means, rtol=1e-5)
    assert (mcsd.name, mocd.name) == ("mCSD", "mOCD")


@pytest.mark.parametrize("region", ["mask", "spatial"])
def test_equal_images_are_exactly_0_apart_inside_and_outside(alex: PerceptualDistance, region: RegionRule) -> None:
    image = images(1).expand(3, -1, -1, -1)
    within, without = region_diversity(image, left_half(), alex, region=region)
    assert (within.tolist(), without.tolist()) == ([0, 0], [0, 0])


def test_what_changes_inside_only_is_exactly_0_apart_outside(alex: PerceptualDistance) -> None:
    image = torch.where(left_half(), images(3), images(1, seed=1))
    within, without = region_diversity(image, left_half(), alex)
    assert (within > 0).all()
    assert without.tolist() == [0, 0]


def test_equal_outsides_never_reach_the_network(alex: PerceptualDistance, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr("smis.metrics.image.sample_diversity.in_batches", counting(seen))
    image = torch.where(left_half(), images(4), images(1, seed=1))
    image[1] = image[0]
    region_diversity(image, left_half(), alex)
    assert seen == [3]  # of four insides one is equal to its only other neighbor's; no outside at all


def counting(seen: list[int]):
    from smis.metrics.image.features import in_batches

    def counted(network, image: Tensor, *, batch: int) -> list[Tensor]:
        seen.append(len(image))
        return in_batches(network, image, batch=batch)

    return counted


def test_the_spatial_rule_averages_the_map_over_the_region(alex: PerceptualDistance) -> None:
    image = images(2)
    everywhere, nowhere = region_diversity(image, torch.ones(32, 32, dtype=torch.bool), alex, region="spatial")
    left, right = region_diversity(image, left_half(), alex, region="spatial")
    torch.testing.assert_close((left + right) / 2, everywhere)
    assert nowhere.tolist() == [0]


def test_merged_parts_give_what_one_process_gives(alex: PerceptualDistance) -> None:
    one, first, second = (Diversity(alex) for _ in range(3))
    for number in range(4):
        one.update(str(number), images(3, seed=number))
        (first if number % 2 else second).update(str(number), images(3, seed=number))
    first.merge(second)
    assert first.compute(Bootstrap(20)) == one.compute(Bootstrap(20))


def test_a_result_names_its_network_pairing_and_region(alex: PerceptualDistance) -> None:
    gathered = RegionDiversity(alex, classes=2)
    gathered.update("a", images(3), left_half(), resampled=1)
    protocol = gathered.compute(Bootstrap(10, seed=3))[0].protocol
    expected = {"network": "stlpips_alex", "label_maps": 1, "samples": 3, "classes": 1, "pairs": "consecutive"}
    assert expected.items() <= protocol.items()
    assert (protocol["region"], protocol["seed"]) == ("mask", 3)


def test_a_perfect_generator_has_an_mocd_of_0_on_paperdoll(alex: PerceptualDistance) -> None:
    reader = PaperDollConfig(size=32, train=1, validation=1, test=2).build()
    gathered = RegionDiversity(alex, classes=len(reader.classes))
    numbers = np.random.default_rng(0)
    for index in range(2):
        layout, base = reader.layout("test", index), reader.appearance(numbers)
        for resampled in np.unique(layout.labels).tolist():
            drawn = []
            for _ in range(3):
                changed = base.copy()
                changed[:, resampled] = reader.appearance(numbers)[:, resampled]
                drawn.append(reader.render(layout, changed, hard=True))
            inside = torch.from_numpy(layout.labels == resampled)
            gathered.update(str(index), to_image(np.stack(drawn)), inside, resampled=resampled)
    mcsd, mocd = gathered.compute(Bootstrap(10))
    assert (mocd.value, mocd.interval) == (0, (0, 0))
    assert mcsd.value > 0


def test_a_class_that_a_resample_lacks_does_not_count_in_it(alex: PerceptualDistance) -> None:
    gathered = RegionDiversity(alex, classes=2)
    gathered.values = {("a", 0): (1.0, 0.0), ("b", 0): (1.0, 0.0), ("b", 1): (1.0, 0.0)}
    mcsd, _ = gathered.compute(Bootstrap(200))
    assert dataclasses.astuple(mcsd)[1:3] == (1.0, (1.0, 1.0))
