"""The stage `evaluate`: measure diversity, distance to real images, agreement with the label maps, and cost."""

from pipelines.evaluate.config import Params

__all__ = ["Params"]
