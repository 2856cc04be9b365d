"""The stage `prepare`: a raw data set -> the prepared format, read in many processes and written in order."""

from pipelines.prepare.run import Params, prepare

__all__ = ["Params", "prepare"]
