"""The sections of params.yaml that the stage reads."""

from pydantic import NonNegativeInt, PositiveInt

from smis.core.config import Config


class SampleConfig(Config):
    """How many images are generated."""

    label_maps: PositiveInt = 24
    """Test label maps with many samples, chosen to show every class."""
    samples: PositiveInt = 20
    """Samples per label map that vary everything, and per class of it that vary this class only."""
    instances: NonNegativeInt = 8
    """Most instances per label map that are varied alone, chosen at random; 0 leaves mISD and mOISD out."""
    batch: PositiveInt = 20
    """Images that are synthesized at once."""


class Params(Config):
    """The sections of the stage."""

    seed: int
    sample: SampleConfig
