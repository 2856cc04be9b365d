"""Files are written beside and renamed: a reader sees the old one or the new one, never a half."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smis.core.errors import DiskError


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it at the end, or leave nothing.

    Raises:
        DiskError: if the disk is full or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _flush(beside)
        beside.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            beside.unlink()


@contextmanager
def written_folder(path: Path) -> Iterator[Path]:
    """Like `written`, for a folder that takes the place of an old one as a whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.mkdir(parents=True)
        yield beside
        shutil.rmtree(path, ignore_errors=True)
        beside.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def unwritable(path: Path, error: OSError) -> DiskError:
    """Say why a path cannot be written, and what to do; an error of another kind goes on as it is."""
    if error.errno == errno.ENOENT:
        raise error
    reason = error.strerror or str(error)
    return DiskError(
        f"cannot write {path}: {reason.lower()}; free space or give another place, then repeat the command"
    )


def _flush(path: Path) -> None:
    """A rename is only as safe as the bytes that are on the disk before it."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
