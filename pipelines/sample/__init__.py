"""The stage `sample`: generate images of the test label maps with a trained system."""

from pipelines.sample.config import Params

__all__ = ["Params"]
