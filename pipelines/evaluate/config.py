"""The sections of params.yaml that the stage reads."""

from pydantic import PositiveInt

from smis.core.config import Config
from smis.metrics.image.lpips import NetworkName
from smis.metrics.image.sample_diversity import Pairing, RegionRule


class EvaluateConfig(Config):
    """How samples are compared, how intervals are computed, how speed is measured."""

    network: NetworkName = "stlpips_alex"
    """Compares two images. The papers use `lpips_alex`; it needs a file that `smis weights fetch alexnet` downloads."""
    pairs: Pairing = "consecutive"
    """Compare neighboring samples of a label map, or all pairs."""
    region: RegionRule = "mask"
    """How the area of a class or an instance is cut out for mCSD and mOCD, mISD and mOISD."""
    batch: PositiveInt = 32
    """Images in a network at once."""
    resamples: PositiveInt = 1000
    """Resamples of the bootstrap over label maps."""
    timed_batch: PositiveInt = 1
    """Label maps per timed run."""
    timed_runs: PositiveInt = 50
    """Timed runs, each of the next label maps of the test split, starting over at its end."""


class Params(Config):
    """The sections of the stage."""

    evaluate: EvaluateConfig
