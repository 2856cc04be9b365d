"""The sections of params.yaml that the stage reads."""

from typing import Literal

from pydantic import Field, PositiveInt

from smis.core.config import Config
from smis.metrics.image.embeddings import EmbeddingName


class ReferenceConfig(Config):
    """Which real images generated ones are compared with, and as what network sees them."""

    network: EmbeddingName = "stlpips_vgg16"
    """`inception_fid` gives FID and KID as published; it needs a file that `smis weights fetch` brings."""
    split: Literal["train", "validation", "test"] = "train"
    images: PositiveInt | None = Field(1000)
    """How many, evenly spread over the split; null takes all."""
    batch: PositiveInt = 32


class Params(Config):
    """The sections that decide the statistics."""

    reference: ReferenceConfig
