"""Features of the real images, once per data set: the side of FID and KID that no system changes."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pipelines.params import read
from pipelines.reference.config import Params, ReferenceConfig
from smis.core.progress import ProgressBar
from smis.data.shards import Prepared, Split
from smis.metrics.image import embeddings
from smis.metrics.image.features import device_of
from smis.metrics.image.fid import Moments, Statistics


def main(dataset: str) -> None:
    """Write runs/DATASET/reference.npz."""
    config = read(Params).reference
    split = Prepared(Path("data") / dataset).split(config.split)
    statistics = measure(split, config, title=f"features of real {dataset} images")
    statistics.write(Path("runs") / dataset / "reference.npz")


def measure(split: Split, config: ReferenceConfig, *, title: str) -> Statistics:
    """Return mean and covariance of the features, the features, and how they were made.

    Raises:
        WeightsError: if the network's weights are missing.
    """
    embedding = embeddings.load(config.network, device_of(os.environ.get("SMIS_DEVICE")))
    numbers = spread(len(split), config.images)
    moments, kept = Moments(embedding.dimensions), []
    with ProgressBar(title, total=len(numbers), unit="images") as bar:
        for start in range(0, len(numbers), config.batch):
            chosen = numbers[start : start + config.batch]
            kept.append(embedding.of(split.batch(chosen).image))
            moments.update(kept[-1])
            bar.advance(len(chosen))
    protocol = {**embeddings.protocol(config.network), "reference_split": config.split}
    return replace(moments.statistics(json.dumps(protocol)), vectors=torch.cat(kept))


def spread(there: int, wanted: int | None) -> np.ndarray:
    """Choose `wanted` of the positions 0 to `there` - 1 at even distances, or all."""
    count = min(there, wanted or there)
    return np.arange(count) * there // count
