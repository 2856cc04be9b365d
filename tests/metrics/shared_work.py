"""Every metric, gathered in shares: `python -m torch.distributed.run ... shared_work.py`, or `measured()` alone.

Each process takes the label maps of its turn, in another order than one process would.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from smis.metrics.cost import BatchCost, Cost
from smis.metrics.human import SemanticEvaluation, Vote
from smis.metrics.image.fid import FrechetDistance, Statistics
from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.result import Bootstrap, Metric, gather
from smis.metrics.image.sample_diversity import Diversity, InstanceDiversity, RegionDiversity
from smis.metrics.kid import KernelDistance
from smis.metrics.paired import PairedDistance
from smis.metrics.segmentation import Segmentation

MAPS = 9


class Pixels(nn.Module):
    """A trunk of one layer: the image itself, smoothed."""

    def forward(self, image: Tensor) -> list[Tensor]:
        return [nn.functional.avg_pool2d(image, 2)]


def metrics() -> dict[str, Metric]:
    network = PerceptualDistance(
        Pixels(), name="stlpips_alex", weights=[torch.ones(3)], shift=torch.zeros(3), scale=torch.ones(3)
    )
    zero, unit = torch.zeros(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    reference = Statistics(zero, unit, 50)
    return {
        "diversity": Diversity(network),
        "classes": RegionDiversity(network, classes=2),
        "instances": InstanceDiversity(network),
        "paired": PairedDistance(network),
        "frechet": FrechetDistance("fd", reference, {}),
        "kid": KernelDistance("kid", {}, count=5, size=4),
        "kid with the whole reference everywhere": KernelDistance("kid", {}, count=5, size=4),
        "segmentation": Segmentation(classes=3, protocol={}),
        "human": SemanticEvaluation(),
        "cost": Cost(nn.Linear(2, 3), nn.Linear(3, 2), batch=2, device=torch.device("cpu")),
    }


def update(found: dict[str, Any], number: int) -> None:
    """Measure one label map."""
    drawn = torch.Generator().manual_seed(number)
    image, key = torch.rand(3, 3, 8, 8, generator=drawn) * 2 - 1, f"map {number}"
    inside = torch.rand(8, 8, generator=drawn) < 0.5
    found["diversity"].update(key, image)
    found["classes"].update(key, image, inside, resampled=number % 2)
    found["instances"].update(key, image, inside, resampled=number % 3)
    found["paired"].update([key], image[:1], image[1:2])
    features = torch.randn(2, 4, generator=drawn)
    for name in ("frechet", "kid", "kid with the whole reference everywhere"):
        found[name].update(features, [f"{key} {row}" for row in range(2)])
    found["kid"].update_real(features + 1, [f"{key} {row}" for row in range(2)])
    labels = torch.randint(3, (2, 1, 8, 8), generator=drawn)
    found["segmentation"].update([key], labels[0], labels[1])
    found["cost"].batches[key,] = BatchCost(
        (number + 1.0, number + 2.0), 100 * number, 2**number
    )  # no clock says this twice
    found["human"].update([Vote(f"volunteer {one}", key, yes=(number + one) % 3 > 0) for one in range(3)])


def measured(numbers: range) -> dict[str, Any]:
    """Gather the label maps `numbers`, then those of the other processes; return values and intervals."""
    found: dict[str, Any] = metrics()
    whole = torch.randn(12, 4, generator=torch.Generator().manual_seed(99))
    found["kid with the whole reference everywhere"].update_real(whole, [f"real {row}" for row in range(12)])
    for number in numbers:
        update(found, number)
    values: dict[str, Any] = {}
    for name, metric in found.items():
        results = gather(metric).compute(Bootstrap(40, seed=1))
        for result in results if isinstance(results, tuple) else (results,):
            values[f"{name} {result.name}"] = [result.value, *result.interval]
    return values


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    rank, processes = distributed.get_rank(), distributed.get_world_size()
    everything = measured(range(MAPS)[::-1][rank::processes])
    (Path(sys.argv[1]) / f"{rank}.json").write_text(json.dumps(everything))
    distributed.destroy_process_group()
