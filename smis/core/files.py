"""Files opened only if they are files; atomic writes: a reader sees the old file or the new one, never a part."""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from smis.core.errors import DiskError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
LONGEST = 2**30
"""Bytes of the longest file that is read whole; a picture of so many would be refused once it is decoded."""


class UnreadableError(OSError):
    """There is no regular file that this user may read; `remedy` says what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def open_file(path: Path) -> BufferedReader:
    """Open a regular file to read it; a FIFO or a device, which might block or never end, is not opened.

    Raises:
        FileNotFoundError: if there is nothing of this name.
        UnreadableError: if it is something else, a link that leads nowhere, or not readable.
    """
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind not in _KINDS:
            return path.open("rb")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    raise UnreadableError(f"it is {_KINDS[kind]}", "give a file, or take it away")


def check_length(length: int) -> None:
    """Refuse a file that would take all memory, before it is read.

    Raises:
        UnreadableError: with its length and what is allowed.
    """
    if length > LONGEST:
        raise UnreadableError(f"it has {length:,} bytes, allowed are {LONGEST:,}", "is it what its name says?")


def _unreadable(path: Path, error: OSError | ValueError) -> OSError:
    number = getattr(error, "errno", None)
    if number == errno.ELOOP:
        return UnreadableError("it is a link that leads back to itself", "give the file itself, or take the link away")
    if number == errno.ENOENT:
        if not path.is_symlink():
            return FileNotFoundError(*error.args, str(path))
        target = printable(os.readlink(path))
        return UnreadableError(
            f"it is a link to {target}, which is not there", "mend the link, or give the file itself"
        )
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return UnreadableError(reason, "make it readable to you" if number == errno.EACCES else "give the place of a file")


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield a temporary file; rename it to `path` on success, delete it on failure.

    Raises:
        DiskError: if `path` is no place for a file, the disk is full, or the folder cannot be written.

    Example:
        >>> with written(Path("result.txt")) as beside:
        ...     _ = beside.write_text("whole")
        >>> Path("result.txt").read_text(), beside.exists()
        ('whole', False)
    """
    with _renamed(path, stat.S_ISREG, expected="a file") as beside:
        yield beside
        _flush(beside)


@contextmanager
def written_folder(path: Path) -> Iterator[Path]:
    """Like `written`, for a folder that replaces an old one as a whole."""
    with _renamed(path, stat.S_ISDIR, expected="a folder") as beside:
        yield beside
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _renamed(path: Path, fits: Callable[[int], bool], *, expected: str) -> Iterator[Path]:
    _check_replaceable(path, fits, expected)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _create(beside, folder=fits is stat.S_ISDIR, path=path)
        yield beside
        beside.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        with suppress(OSError):
            beside.unlink()


def _check_replaceable(path: Path, fits: Callable[[int], bool], expected: str) -> None:
    """Refuse what a rename would replace or hide: a folder where a file is asked for, a device, a pipe, a mount."""
    mode, is_folder = _mode(path), fits is stat.S_ISDIR
    if path.name in ("", "..") or (is_folder and os.path.ismount(path)):
        raise DiskError(f"cannot write {str(path)!r}: nothing can replace this folder; give the name of {expected}")
    if mode is not None and not fits(mode):
        kind = {stat.S_IFDIR: "a folder", stat.S_IFREG: "a file"}.get(stat.S_IFMT(mode), "a device, pipe or socket")
        raise DiskError(f"cannot write {path}: it is {kind}; give the name of {expected}")


def _mode(path: Path) -> int | None:
    """Return the mode of what a path leads to, None if it leads nowhere."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _refused(path, getattr(error, "strerror", None) or str(error)) from None


def _create(beside: Path, *, folder: bool, path: Path) -> None:
    """Create what is written to, so that a place without room or permission is refused before any work."""
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir() if folder else beside.touch()
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error


def unwritable(path: Path, error: OSError) -> DiskError:
    """Convert an OSError to a DiskError with reason and remedy; a missing file is re-raised."""
    if error.errno == errno.ENOENT:
        raise error
    return _refused(path, error.strerror or str(error))


def _refused(path: Path, reason: str) -> DiskError:
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
