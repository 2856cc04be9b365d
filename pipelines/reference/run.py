"""Compute the features of real images, with which FID, KID and their like compare generated ones."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, PositiveInt

from pipelines.params import read
from smis.core.config import Config
from smis.core.progress import ProgressBar
from smis.data.shards import Prepared, Split
from smis.metrics.image import embeddings
from smis.metrics.image.embeddings import EmbeddingName
from smis.metrics.image.features import device_of
from smis.metrics.image.fid import Moments, Statistics


class ReferenceConfig(Config):
    """The real images that generated ones are compared with, and the network that compares them."""

    network: EmbeddingName = "stlpips_vgg16"
    """`inception_fid` gives FID and KID as published; it needs a file that `smis weights fetch` downloads."""
    split: Literal["train", "validation", "test"] = "train"
    images: PositiveInt | None = Field(1000)
    """Number of images, evenly spaced over the split; null takes all."""
    batch: PositiveInt = 32


class Params(Config):
    """The sections of the stage."""

    reference: ReferenceConfig


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
    embedding = embeddings.load(config.network, device_of())
    batches = split.batch_numbers(config.batch, limit=config.images)
    moments, features = Moments(embedding.dimensions), []
    with ProgressBar(title, total=sum(map(len, batches)), unit="images") as bar:
        for chosen in batches:
            features.append(embedding.of(split.batch(chosen).image))
            moments.update(features[-1])
            bar.advance(len(chosen))
    protocol = {**embeddings.protocol(config.network), "reference_split": config.split}
    return replace(moments.statistics(json.dumps(protocol)), vectors=torch.cat(features))
