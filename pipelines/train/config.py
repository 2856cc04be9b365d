"""What decides what is learned."""

from pydantic import Field, PositiveInt, SerializeAsAny

from smis.core.config import Config
from smis.metrics.image.embeddings import EmbeddingName
from smis.metrics.image.networks import DistanceName
from smis.training.config import TrainingConfig
from smis.training.validation import ValidationConfig


class MeasuredConfig(ValidationConfig):
    """What a measurement is made of; the more, the steadier and the slower."""

    images: PositiveInt | None = None
    """How many validation images are made again for the Fréchet distance to them, evenly spread; null makes all."""
    label_maps: PositiveInt = 8
    """Of how many label maps the diversity is the mean."""
    samples: int = Field(default=4, ge=2)
    """Of each of them."""
    embedding: EmbeddingName = "stlpips_vgg16"
    """The network of the Fréchet distance; `inception_fid` gives FID."""
    network: DistanceName = "stlpips_alex"
    """The network of the diversity."""
    batch: PositiveInt = 16


class Params(Config):
    """The sections that decide what is learned."""

    seed: int
    train: TrainingConfig
    validation: MeasuredConfig
    system: SerializeAsAny[Config]
