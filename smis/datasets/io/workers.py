"""The same work on many pieces in many processes; the results come in order, and few wait, so that memory stays small.

`$SMIS_WORKERS` says how many processes; it changes no result.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from smis.core.errors import ParamsError
from smis.core.memory import keep_freed_memory
from smis.datasets.io.parcels import Parcel

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
    with _pool(workers, preload, (work, given, begin)) as pool:
        waiting: deque[Future[R]] = deque()
        for piece in pieces:
            waiting.append(pool.submit(_work, piece))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _wanted() -> int:
    given = os.environ.get("SMIS_WORKERS") or str(os.cpu_count() or 1)
    if not given.isdigit() or given == "0":
        raise ParamsError(f"SMIS_WORKERS is {given!r}, but it is a number of processes, 1 or more")
    return int(given)


@contextmanager
def _pool(workers: int, preload: Sequence[str], given: tuple[Any, ...]) -> Iterator[Executor]:
    """Start processes that have imported everything once, in their common parent, and that end with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=given)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


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
    return Parcel(work(given, piece))
