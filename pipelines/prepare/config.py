"""The sections of params.yaml that the stage reads."""

from smis.core.config import Config
from smis.data.writer import PrepareConfig


class Params(Config):
    """How prepared files are laid out, and the data set's own section."""

    prepare: PrepareConfig
    dataset: Config
