import numpy as np
import pytest
import torch

from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.result import Bootstrap
from smis.metrics.image.sample_diversity import InstanceDiversity, Pairing, pair_up


def images(seed: int) -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def inside(instance: int) -> torch.Tensor:
    area = torch.zeros(32, 32, dtype=torch.bool)
    area[:, 8 * instance : 8 * instance + 8] = True
    return area


@pytest.mark.parametrize("pairs", ["consecutive", "all"])
def test_misd_and_moisd_equal_brute_force(alex: PerceptualDistance, pairs: Pairing) -> None:
    gathered, expected = InstanceDiversity(alex, pairs=pairs, batch=2), []
    for key, instances in (("a", (0, 1, 3)), ("b", (2,))):
        of_map = []
        for instance in instances:
            image, area = images(seed=instance), inside(instance)
            gathered.update(key, image, area, resampled=instance)
            for a, b in zip(*(side.tolist() for side in pair_up(3, pairs)), strict=True):
                cut = [(image[[a]] * kept, image[[b]] * kept) for kept in (area, ~area)]
                of_map.append([alex(one, other).item() for one, other in cut])
        expected.append(np.mean(of_map, axis=0))
    results = gathered.compute(Bootstrap(20))
    np.testing.assert_allclose([result.value for result in results], np.mean(expected, axis=0), rtol=1e-5)
    assert [result.name for result in results] == ["mISD", "mOISD"]
    assert results[0].protocol["instances"] == 4


def test_merged_parts_give_what_one_process_gives(alex: PerceptualDistance) -> None:
    one, first, second = (InstanceDiversity(alex) for _ in range(3))
    for number, key in enumerate("abcd"):
        for part in (one, first if number % 2 else second):
            part.update(key, images(number), inside(1), resampled=1)
    first.merge(second)
    assert first.compute(Bootstrap(20)) == one.compute(Bootstrap(20))
