"""Work in many processes whose results come in order; few wait, so that memory stays small.

`$SMIS_WORKERS` sets the number of processes and changes no result.
"""

import mmap
import os
import pickle
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from smis.core.errors import ParamsError, shown
from smis.core.files import unwritable
from smis.core.forkserver import forkserver_context, signals_deferred
from smis.core.numbers import parse_whole
from smis.core.process_settings import keep_freed_memory

_MOST_WORKERS = 1024
P = TypeVar("P")
R = TypeVar("R")
S = TypeVar("S")


def in_order(
    work: Callable[[S, P], R], given: S, pieces: Sequence[P], *, preload: Sequence[str], begin: Callable[[], None]
) -> Iterator[R]:
    """Yield `work(given, piece)` for each piece; workers get `given` once, and call `begin` when they start.

    Raises:
        ParamsError: if `$SMIS_WORKERS` is no number.
    """
    workers = min(_wanted(), len(pieces))
    if workers <= 1:
        yield from (work(given, piece) for piece in pieces)
        return
    # forked from a parent that has imported everything once; they end with this process
    pool = ProcessPoolExecutor(
        workers, mp_context=forkserver_context(preload), initializer=_begin, initargs=(work, given, begin)
    )
    try:
        waiting: deque[Future[R]] = deque()
        for piece in pieces:
            with signals_deferred():  # submit starts processes; half-way, nobody would know of one
                waiting.append(pool.submit(_work, piece))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _wanted() -> int:
    given = os.environ.get("SMIS_WORKERS") or str(os.cpu_count() or 1)
    workers = parse_whole(given, low=1, high=_MOST_WORKERS)
    if workers is None:
        raise ParamsError(f"SMIS_WORKERS is {shown(given)}, but it is a number of processes, 1 to {_MOST_WORKERS}")
    return workers


_given: tuple[Callable[[Any, Any], Any], Any] | None = None
"""In a worker: what it does and with what, sent once and not with every piece."""


def _begin(work: Callable[[Any, Any], Any], given: Any, begin: Callable[[], None]) -> None:
    global _given
    keep_freed_memory()
    begin()
    _given = work, given


def _work(piece: Any) -> Any:
    assert _given is not None
    work, given = _given
    return ResultFile(work(given, piece))


_LARGE = 2**20
"""Bytes in buffers from which on a file is quicker."""
_ALIGNED = 64
"""Buffers begin at multiples of this, in bytes, as Arrow recommends."""


class ResultFile:
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
