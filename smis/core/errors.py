"""What a person can fix. Each ends as one line on stderr and exit code 2; anything else is a traceback."""

from collections.abc import Sequence
from typing import Self


class SmisError(Exception):
    """The message gives the value, what is allowed, and the likely cause or remedy."""

    exit_code = 2


class ParamsError(SmisError):
    """params.yaml, a command line or a preset asks for something that is not possible."""

    mistakes: Sequence[str] = ()
    """Each by itself, where a file has several."""

    @classmethod
    def of(cls, mistakes: Sequence[str], *, source: str) -> Self:
        """Join all mistakes of one file: a single one in a single line."""
        several = f"{source} does not fit:\n" + "\n".join(f"  {line}" for line in mistakes)
        error = cls(several if len(mistakes) > 1 else f"{source}: {mistakes[0]}")
        error.mistakes = mistakes
        return error


class LabelError(SmisError):
    """A label or instance map does not fit its data set."""


class ImageError(SmisError):
    """A picture cannot be read, or has another size or mode than it should."""


class DataError(SmisError):
    """Files of a data set are missing, cannot be read, or do not fit one another."""


class ShardError(SmisError):
    """A prepared file is missing, truncated, or of another version."""


class WeightsError(SmisError):
    """External weights are missing or are not the published ones."""


class CheckpointError(SmisError):
    """A checkpoint is missing, broken, or of another configuration."""


class ProtocolError(SmisError):
    """Values that were measured in different ways cannot be lined up."""


class TrainingError(SmisError):
    """Training cannot go on: a term is no longer finite."""


class StyleError(SmisError):
    """A system cannot do what was asked of its style."""


class DiskError(SmisError):
    """A file cannot be written: no space, no permission, no such folder."""


class ServerError(SmisError):
    """A server (MLflow, Prefect, S3, PostgreSQL) does not answer as it should."""
