"""The stage `segmenter`: train a segmentation network, or take a published one, and measure it on real images."""

from pipelines.segmenter.run import Params

__all__ = ["Params"]
