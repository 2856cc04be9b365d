"""Errors that a user can fix: each ends as one line on stderr and exit code 2; all others are tracebacks."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

_MAX_LISTED = 30
_OF_A_PATH = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
"""What looking for a file raises, wherever that is done."""
_LONGEST = 80
"""Characters of a value in a message."""


class SmisError(Exception):
    """Base class; the message gives the value, what is allowed, and the likely cause or remedy."""

    exit_code = 2


class ParamsError(SmisError):
    """params.yaml, a command line or a preset is invalid."""

    mistakes: Sequence[str] = ()
    """The single mistakes of a file that has several."""

    @classmethod
    def of(cls, mistakes: Sequence[str], *, source: str) -> Self:
        """Join the mistakes of one file; a single one stays on one line."""
        more = [f"and {len(mistakes) - _MAX_LISTED} more"] if len(mistakes) > _MAX_LISTED else []
        message = "\n  ".join([f"{source} does not fit:", *mistakes[:_MAX_LISTED], *more])
        error = cls(message if len(mistakes) > 1 else f"{source}: {mistakes[0]}")
        error.mistakes = mistakes
        return error


class LabelError(SmisError):
    """A label or instance map does not fit its data set."""


class ImageError(SmisError):
    """An image cannot be read, or has the wrong size or mode."""


class DataError(SmisError):
    """Files of a data set are missing, unreadable, or do not match."""


class ShardError(SmisError):
    """A prepared file is missing, truncated, or of another version."""


class WeightsError(SmisError):
    """External weights are missing or are not the published ones."""


class CheckpointError(SmisError):
    """A checkpoint is missing, broken, or of another configuration."""


class ProtocolError(SmisError):
    """Values measured under different protocols cannot be compared."""


class TrainingError(SmisError):
    """Training stopped: a loss term or gradient is not finite."""


class StyleError(SmisError):
    """A style operation is not supported by the system, or does not fit the style."""


class StyleIndexError(StyleError, IndexError):
    """A style has no image of this number; an IndexError too, which ends a loop over a style."""


class DiskError(SmisError):
    """A file cannot be written: no space, no permission, no such folder."""


class ServerError(SmisError):
    """A server (MLflow, Prefect, S3, PostgreSQL) is unreachable or fails."""


def fixable(error: Exception) -> str | None:
    """Return the message of an error that a person can fix; None for any other.

    Example:
        >>> fixable(MemoryError("9 GB"))
        'there is not enough memory (9 GB); give a smaller batch, or fewer samples'
    """
    if isinstance(error, SmisError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _OF_A_PATH and error.filename is not None:
        reason = os.strerror(error.errno).lower()
        return f"cannot open {error.filename} ({reason}); make it readable to you, or give another place"
    first = str(error).partition("\n")[0]
    if isinstance(error, MemoryError) or "t allocate memory" in first or "out of memory" in first:
        return f"there is not enough memory ({first or 'no size is known'}); give a smaller batch, or fewer samples"
    return None


@contextmanager
def optional_package(purpose: str, *, extra: str) -> Iterator[None]:
    """Import packages of an extra of `smis` in the block, on first use.

    Raises:
        ParamsError: with the package that is missing, and how to install it.
    """
    try:
        yield
    except ImportError as error:
        raise ParamsError(f"{purpose}: the package {error.name} is missing; pip install 'smis[{extra}]'") from None


@contextmanager
def naming(title: str) -> Iterator[None]:
    """Put the name of an image or a map in front of an error that does not say it; "" is no name."""
    try:
        yield
    except (ImageError, LabelError) as error:
        if not title or title in str(error):
            raise
        raise type(error)(f"{title}: {error}") from None


def shown(value: object) -> str:
    """Return a value for a message, on one short line; of an array the shape and the type.

    Example:
        >>> shown(["hair", None])
        "['hair', None]"
    """
    shape, dtype = getattr(value, "shape", ()), getattr(value, "dtype", None)
    if shape and dtype:
        kind = type(value).__name__.removeprefix("Tensor")
        return f"{kind} {tuple(shape)} of {str(dtype).removeprefix('torch.')}".lstrip()
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python prints no number of more than 4300 digits
        return f"a value of type {type(value).__name__} that is too long to print"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
