"""The stage `sample`: generate images of the test label maps with a trained system."""

from pipelines.sample.run import Params

__all__ = ["Params"]
