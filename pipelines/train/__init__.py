"""The stage `train`: train a system on a data set."""

from pipelines.train.run import Params

__all__ = ["Params"]
