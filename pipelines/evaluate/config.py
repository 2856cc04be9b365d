"""The choices of the protocol that are ours."""

from pydantic import PositiveInt

from smis.core.config import Config
from smis.metrics.image.lpips import NetworkName
from smis.metrics.image.sample_diversity import Pairing, RegionRule


class EvaluateConfig(Config):
    """How pairs are made and compared, how intervals are made, how speed is timed."""

    network: NetworkName = "stlpips_alex"
    """What compares two images. `lpips_alex` is the papers', for a file that `smis weights fetch alexnet` brings."""
    pairs: Pairing = "consecutive"
    """Neighboring samples of a label map, or all pairs of them."""
    region: RegionRule = "mask"
    """How the area of a class or an instance is cut out for mCSD and mOCD, mISD and mOISD."""
    batch: PositiveInt = 32
    resamples: PositiveInt = 1000
    """Of the bootstrap over label maps."""
    timed_batch: PositiveInt = 1
    timed_runs: PositiveInt = 50
    """Each of the next label maps of the test split, from its beginning again where they run out."""


class Params(Config):
    """The sections that decide what is measured, and how."""

    seed: int
    evaluate: EvaluateConfig
