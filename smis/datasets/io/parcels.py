"""Results on their way to another process: large ones go by a file, as a pipe hands them over in 64 KiB at a time."""

import mmap
import os
import pickle
import tempfile
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from smis.core.files import unwritable

_LARGE = 2**20
"""Bytes in buffers from which on a file is quicker."""
_ALIGNED = 64
"""Buffers begin at multiples of this, in bytes, as Arrow recommends."""


class Parcel:
    """What becomes `content` when it is unpickled, once: its file is gone then, and its pages stay until they are used.

    Raises:
        DiskError: when it is pickled, if there is no room in `$TMPDIR`.
    """

    def __init__(self, content: Any) -> None:
        self._content = content

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(self._content, protocol=5, buffer_callback=buffers.append)
        pieces = [buffer.raw() for buffer in buffers]
        if sum(piece.nbytes for piece in pieces) < _LARGE:
            return pickle.loads, (pickle.dumps(self._content),)
        return _opened, (pickled, _written(pieces), [piece.nbytes for piece in pieces])


def _written(pieces: Sequence[memoryview]) -> str:
    handle, path = tempfile.mkstemp(prefix="smis-")
    try:
        with open(handle, "wb") as file:
            for piece, start in zip(pieces, _starts([piece.nbytes for piece in pieces]), strict=True):
                file.seek(start)
                file.write(piece)
    except OSError as error:
        os.unlink(path)
        raise unwritable(Path(path), error) from error
    return path


def _opened(pickled: bytes, path: str, lengths: Sequence[int]) -> Any:
    with open(path, "rb") as file:
        os.unlink(path)
        pages = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    starts = _starts(lengths)
    return pickle.loads(pickled, buffers=[pages[at : at + length] for at, length in zip(starts, lengths, strict=True)])


def _starts(lengths: Sequence[int]) -> list[int]:
    return list(accumulate((-(-length // _ALIGNED) * _ALIGNED for length in lengths[:-1]), initial=0))
