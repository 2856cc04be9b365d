"""The sections of params.yaml that the stage reads."""

from pydantic import NonNegativeInt, PositiveInt

from smis.core.config import Config


class SampleConfig(Config):
    """How many pictures."""

    label_maps: PositiveInt = 24
    """Test label maps of which many pictures are made, chosen to show every class."""
    samples: PositiveInt = 20
    """Pictures of each that vary everything, and for each of its classes, that vary this class only."""
    instances: NonNegativeInt = 8
    """Instances of each that are varied alone too, at most so many, drawn at random; 0 leaves mISD and mOISD out."""
    batch: PositiveInt = 20


class Params(Config):
    """The sections that decide what is sampled."""

    seed: int
    sample: SampleConfig
