"""ADE20K: scenes in and out of doors, with 150 classes."""

from smis.datasets.ade20k.config import Config

__all__ = ["Config"]
