"""Variables of MATLAB files: read by scipy, which runs no code of theirs, and bounded before anything is unpacked."""

import struct
import warnings
import zlib
from io import BytesIO

from numpy import ndarray

from smis.core.errors import ParamsError, SmisError
from smis.datasets.io.raw_files import RawFiles

_MAX_BYTES = 2**26
"""Of a file, and of what is packed in it; a map of 8,192 x 8,192 fits."""
_HEADER, _TAG, _COMPRESSED = 128, 8, 15
"""Bytes before the elements of a file (format 5), bytes before an element's data, the type of a packed element."""


def read_variable(files: RawFiles, name: str, variable: str, *, error: type[SmisError]) -> ndarray:
    """Read one variable of a MATLAB file (format 4 to 7.2, not 7.3).

    Raises:
        ParamsError: if scipy is not installed.
        SmisError: as `error`, if the file is none, is broken or too large, or has no such variable.
    """
    title = files.title(name)
    try:
        content = files.read(name)
    except OSError as fault:
        reason, remedy = fault.strerror or str(fault), getattr(fault, "remedy", "copy it again")
        raise error(f"cannot read {title} ({reason.lower()}); {remedy}") from None
    if not _is_small(content):
        raise error(f"{title} holds more than {_MAX_BYTES:,} bytes; is it what its name says?")
    names, value = _parsed(content, variable, title=title, error=error)
    if value is None:
        raise error(f"{title} has no variable {variable}; there are: {', '.join(names) or 'none'}; copy the file again")
    return value


def _parsed(content: bytes, variable: str, *, title: str, error: type[SmisError]) -> tuple[list[str], ndarray | None]:
    """Return the names of all variables, and one of them, if it is there."""
    try:
        from scipy.io import loadmat, whosmat
    except ImportError:
        raise ParamsError("clothing needs the package scipy to read maps; run `pip install 'smis[metrics]'`") from None
    try:
        with warnings.catch_warnings(action="ignore"):
            names = [name for name, _, _ in whosmat(BytesIO(content))]
            return names, loadmat(BytesIO(content), variable_names=[variable]).get(variable)
    except Exception as fault:  # scipy raises nearly anything for bytes that are no MATLAB file
        reason = " ".join(str(fault).split())[:100] or type(fault).__name__
        raise error(f"{title} is no MATLAB file that can be read ({reason}); copy it again") from None


def _is_small(content: bytes) -> bool:
    """Return whether a file is, and stays when its elements are unpacked, within what a map can need."""
    order = ">" if content[126:128] == b"MI" else "<"
    at, total = _HEADER, len(content)
    while total <= _MAX_BYTES and at + _TAG <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, at)
        if kind == _COMPRESSED:
            total += _unpacked(content[at + _TAG : at + _TAG + length], at_most=_MAX_BYTES)
        at += _TAG + length
    return total <= _MAX_BYTES


def _unpacked(content: bytes, *, at_most: int) -> int:
    """Count the bytes that an element has unpacked, up to one more than allowed."""
    try:
        return len(zlib.decompressobj().decompress(content, at_most + 1))
    except zlib.error:  # scipy will say so
        return 0
