"""The parameters of the stage, and where the report is written."""

from pathlib import Path

from pydantic import Field, PositiveInt

from pipelines.params import Axes
from smis.core.config import Config

OUT = Path("report")


class ReportConfig(Config):
    """What the images of the report show."""

    rows: PositiveInt = 6
    """Label maps on a system's sheet."""
    samples: PositiveInt = 4
    """Samples in each group of columns."""
    parts: int = Field(default=2, ge=0)
    """Number of classes that are shown varying alone, largest first, without the largest of all (the background)."""
    classes: list[str] = []
    """Names of the classes to show instead."""
    baseline: str | None = None
    """The system with which all others are compared (default: the first of `axes.system`)."""
    compared_rows: PositiveInt = 2
    """Label maps per system on the sheet that compares all systems."""


class Params(Config):
    """The sections that the report depends on."""

    axes: Axes
    report: ReportConfig = ReportConfig()
