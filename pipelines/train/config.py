"""The parameters of the stage `train`."""

from pydantic import Field, PositiveInt, SerializeAsAny

from smis.core.config import Config
from smis.metrics.image.embeddings import EmbeddingName
from smis.metrics.image.lpips import NetworkName
from smis.training.loop import TrainingConfig
from smis.training.validation import ValidationConfig


class ValidationMetricsConfig(ValidationConfig):
    """When to validate, and on how many images; more images give steadier values and take longer."""

    images: PositiveInt | None = None
    """Validation images for the Fréchet distance, evenly spaced; null takes all."""
    label_maps: PositiveInt = 8
    """Label maps for the diversity."""
    samples: int = Field(default=4, ge=2)
    """Images of each of these label maps."""
    embedding: EmbeddingName = "stlpips_vgg16"
    """Network of the Fréchet distance; `inception_fid` gives FID."""
    network: NetworkName = "stlpips_alex"
    """Network of the diversity."""
    batch: PositiveInt = 16


class Params(Config):
    """The sections of params.yaml that training depends on."""

    seed: int
    train: TrainingConfig
    validation: ValidationMetricsConfig
    system: SerializeAsAny[Config]
