"""Atomic writes: a reader sees the old file or the new one, never a part."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smis.core.errors import DiskError


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield a temporary path; rename it to `path` on success, delete it on failure.

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
    """Like `written`, for a folder that replaces an old one as a whole."""
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
    """Convert an OSError to a DiskError with reason and remedy; a missing file is re-raised."""
    if error.errno == errno.ENOENT:
        raise error
    reason = error.strerror or str(error)
    return DiskError(
        f"cannot write {path}: {reason.lower()}; free space or give another place, then repeat the command"
    )


def _flush(path: Path) -> None:
    """Flush the bytes to disk before the rename, so that a crash leaves no empty file."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def printable(name: str) -> str:
    r"""Write bytes of a file name that are not UTF-8 as \xe9, for example; other names stay as they are."""
    return as_bytes(name).decode(errors="backslashreplace")


def as_bytes(name: str) -> bytes:
    """Return a file name's bytes; Python stores a surrogate for each byte that is not UTF-8."""
    return name.encode(errors="surrogateescape")
