"""What the pictures of the report show, and where the report lies."""

from pathlib import Path

from pydantic import Field, PositiveInt

from smis.core.config import Config

OUT = Path("report")


class ReportConfig(Config):
    """What the pictures show."""

    rows: PositiveInt = 6
    """Label maps of a system's sheet."""
    samples: PositiveInt = 4
    """Samples in each group of columns."""
    parts: int = Field(default=2, ge=0)
    """Classes that are shown varying alone, the largest first."""
    classes: list[str] = []
    """These classes instead, by name."""
    baseline: str | None = None
    """The system that all others are compared with; the first of `axes.system` if none is named."""
    compared_rows: PositiveInt = 2
    """Label maps of each system in the picture that compares all."""
