"""Compute the features of real images, with which FID, KID and their like compare generated ones."""

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
    """Return the features of the real images, their mean and covariance, and the protocol.

    Raises:
        WeightsError: if the network's weights are missing.
    """
    embedding = embeddings.load(config.network, device_of(os.environ.get("SMIS_DEVICE")))
    indices = spread(len(split), config.images)
    moments, features = Moments(embedding.dimensions), []
    with ProgressBar(title, total=len(indices), unit="images") as bar:
        for start in range(0, len(indices), config.batch):
            chosen = indices[start : start + config.batch]
            features.append(embedding.of(split.batch(chosen).image))
            moments.update(features[-1])
            bar.advance(len(chosen))
    protocol = {**embeddings.protocol(config.network), "reference_split": config.split}
    return replace(moments.statistics(json.dumps(protocol)), vectors=torch.cat(features))


def spread(length: int, limit: int | None) -> np.ndarray:
    """Return at most `limit` evenly spaced indices of `length` items, or all."""
    count = min(length, limit or length)
    return np.arange(count) * length // count
