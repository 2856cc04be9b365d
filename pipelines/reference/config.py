"""The sections of params.yaml that the stage reads."""

from typing import Literal

from pydantic import Field, PositiveInt

from smis.core.config import Config
from smis.metrics.image.embeddings import EmbeddingName


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
