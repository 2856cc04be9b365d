"""The stage `prepare`: a raw data set -> the prepared format, read in many processes and written in order."""

from pipelines.prepare.config import Params
from pipelines.prepare.run import main, prepare

__all__ = ["Params", "main", "prepare"]
