"""The sections of params.yaml that the stage reads."""

from smis.core.config import Config
from smis.metrics.segmenter import SegmenterConfig


class Params(Config):
    """The sections of the stage."""

    segmenter: SegmenterConfig
