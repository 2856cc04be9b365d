"""Variables of MATLAB files (format 5, as MATLAB 5 to 7.2 write it): matrices of numbers, texts, cells of texts.

scipy's reader ends the process (SIGSEGV, scipy 1.17) at a damaged type of data, and unpacks without a bound; maps are
bytes that anyone may have written, so that they are read here. Nothing in a file is run or unpickled.
"""

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from smis.core.errors import SmisError, shown
from smis.datasets.io.raw_files import RawFiles

Value = ndarray | str | list[str]

_MAX_BYTES = 2**26
"""Of a file, and of what is packed in it; a map of 8,192 x 8,192 fits."""
_MAX_SIDES = 32
"""Of a matrix; MATLAB has no limit, NumPy has one."""
_HEADER = 128
_ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
"""Version and byte order, at the end of the header."""
_MATRIX, _PACKED, _UTF16 = 14, 15, 17
_CELL, _CHAR, _NUMBERS = 1, 4, range(6, 16)
"""Classes of matrices; the others are structures, objects, functions and sparse matrices."""
_COMPLEX = 0x0800
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {2: "latin-1", 4: "utf-16", 16: "utf-8", _UTF16: "utf-16"}
"""How the types of data are numbers, and how they are characters."""


class _DamagedError(ValueError):
    """What a file holds is not of the format."""


def read_variable(files: RawFiles, name: str, variable: str, *, error: type[SmisError]) -> Value:
    """Read one variable; numbers have the type that they are stored in, which may be smaller than MATLAB shows.

    Raises:
        SmisError: as `error`, if the file cannot be read, is none of MATLAB's, too large, or has no such variable.
    """
    title = files.title(name)
    try:
        content = files.read(name)
        found = dict(_variables(content, variable))
    except _DamagedError as fault:
        raise error(f"{title} is no MATLAB file that can be read ({fault}); copy it again") from None
    except OSError as fault:
        reason, remedy = fault.strerror or str(fault), getattr(fault, "remedy", "copy it again")
        raise error(f"cannot read {title} ({reason.lower()}); {remedy}") from None
    value = found.get(variable)
    if value is None:
        raise error(f"{title} has no variable {variable}, but {shown(list(found))}; copy the file again")
    return value


def _variables(content: bytes, wanted: str) -> Iterator[tuple[str, Value | None]]:
    """Give the names of the variables, and the value of one of them."""
    order = _ORDERS.get(content[_HEADER - 4 : _HEADER])
    if order is None:
        newer = content.startswith((b"MATLAB 7.3", b"\x89HDF"))
        raise _DamagedError("it is of version 7.3; save it with -v7" if newer else "it has another beginning")
    left = _MAX_BYTES - len(content)
    for kind, data in _elements(content[_HEADER:], order):
        unpacked = _unpacked(data, at_most=left) if kind == _PACKED else None
        left -= len(unpacked or b"")
        if left < 0:
            raise _DamagedError(f"it holds more than {_MAX_BYTES:,} bytes")
        matrices = [(kind, data)] if unpacked is None else _elements(unpacked, order)
        for _, matrix in (each for each in matrices if each[0] == _MATRIX):
            name, parts = _named(matrix, order)
            yield name, _value(parts, order) if name == wanted else None


def _unpacked(data: bytes, *, at_most: int) -> bytes:
    try:
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(data, max(at_most, 0) + 1)
    except zlib.error as fault:
        raise _DamagedError(str(fault).lower()) from None
    if not unpacking.eof and len(unpacked) <= at_most:
        raise _DamagedError("it ends early")
    return unpacked


Element = tuple[int, bytes]
"""Type and data."""


def _elements(content: bytes, order: str) -> Iterator[Element]:
    """Walk through elements: a tag of 8 bytes and data up to a multiple of 8, or both in 8 bytes."""
    at = 0
    while at + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, at)
        small = kind >> 16
        kind, length, start = (kind & 0xFFFF, small, at + 4) if small else (kind, length, at + 8)
        if (small and length > 4) or start + length > len(content):
            raise _DamagedError("it ends early")
        yield kind, content[start : start + length]
        at = at + 8 if small else start + length + (0 if kind == _PACKED else -length % 8)


def _named(matrix: bytes, order: str) -> tuple[str, list[Element]]:
    """Return a matrix's name and its elements."""
    parts = list(_elements(matrix, order))
    if len(parts) < 3 or len(parts[0][1]) != 8:
        raise _DamagedError("a matrix has no head")
    return parts[2][1].decode("latin-1"), parts


def _value(parts: list[Element], order: str) -> Value:
    (flags,) = struct.unpack_from(f"{order}I", parts[0][1])
    kind, data = flags & 0xFF, parts[3:]
    if kind == _CELL:
        return [_text(_named(matrix, order)[1], order) for _, matrix in data]
    if kind == _CHAR:
        return _text(parts, order)
    if kind not in _NUMBERS or flags & _COMPLEX or not data or data[0][0] not in _TYPES:
        raise _DamagedError("it holds no matrix of real numbers")
    shape = _array((5, parts[1][1]), order).tolist()
    numbers = _array(data[0], order)
    if not 2 <= len(shape) <= _MAX_SIDES or min(shape) < 0 or math.prod(shape) != len(numbers):
        raise _DamagedError(f"{len(numbers)} numbers do not fill a matrix of its size")
    return numbers.reshape(shape, order="F")


def _text(parts: list[Element], order: str) -> str:
    (flags,) = struct.unpack_from(f"{order}I", parts[0][1])
    if flags & 0xFF != _CHAR or any(kind not in _TEXTS for kind, _ in parts[3:4]):
        raise _DamagedError("it holds no text")
    return "".join(_decoded(kind, data, order) for kind, data in parts[3:4])


def _decoded(kind: int, data: bytes, order: str) -> str:
    ending = {"<": "-le", ">": "-be"}[order] if _TEXTS[kind] == "utf-16" else ""
    return data.decode(_TEXTS[kind] + ending, errors="replace")


def _array(element: Element, order: str) -> ndarray:
    kind, data = element
    if kind not in _TYPES or len(data) % int(_TYPES[kind][1]):
        raise _DamagedError("numbers are cut off")
    return np.frombuffer(data, dtype=order + _TYPES[kind])
