"""Features of the real images, once per data set: the side of the Fréchet distance that no system changes."""

import json
import os
import sys
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, PositiveInt

from pipelines.params import read
from pipelines.stage import run
from smis.core import weights
from smis.core.config import Config
from smis.core.progress import Bar
from smis.data.shards import Prepared, Split
from smis.metrics import stlpips
from smis.metrics.features import device_of, pooled
from smis.metrics.fid import Moments, Statistics

NETWORK = "stlpips_vgg16"


class ReferenceConfig(Config):
    """Which real images generated ones are compared with."""

    split: Literal["train", "validation", "test"] = "train"
    images: PositiveInt | None = Field(1000)
    """How many, evenly spread over the split; null takes all."""
    batch: PositiveInt = 32


class Params(Config):
    """The sections that decide the statistics."""

    reference: ReferenceConfig


def main(dataset: str) -> None:
    """Write runs/DATASET/reference.npz."""
    config = read(Params).reference
    split = Prepared(Path("data") / dataset).split(config.split)
    statistics = measure(split, config, title=f"features of real {dataset} images")
    statistics.write(Path("runs") / dataset / "reference.npz")


def measure(split: Split, config: ReferenceConfig, *, title: str) -> Statistics:
    """Return mean and covariance of the features, and how they were made.

    Raises:
        WeightsError: if the network's weights are missing.
    """
    device = device_of(os.environ.get("SMIS_DEVICE"))
    network = stlpips.load(NETWORK).to(device)
    numbers = spread(len(split), config.images)
    moments = Moments(network.channels)
    with Bar(title, total=len(numbers), unit="images") as bar:
        for start in range(0, len(numbers), config.batch):
            chosen = numbers[start : start + config.batch]
            moments.update(pooled(network, split.batch(chosen).image.to(device)))
            bar.advance(len(chosen))
    return moments.statistics(json.dumps(protocol(config.split)))


def spread(there: int, wanted: int | None) -> np.ndarray:
    """Choose `wanted` of the positions 0 to `there` - 1 at even distances, or all."""
    count = min(there, wanted or there)
    return np.arange(count) * there // count


def protocol(split: str) -> dict[str, str]:
    """Say what both sides of the distance must share, and which split the real images are of."""
    return {
        "network": NETWORK,
        "weights": weights.TABLE[NETWORK].sha256,
        "features": "last layer, mean over places",
        "resize": "none",
        "reference_split": split,
    }


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
