"""The server that worker processes are forked from, and signals that come while they start."""

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext


def forkserver_context(preload: Sequence[str]) -> ForkServerContext:
    """Start the server, which imports the modules `preload` once for all workers, and return its context.

    A fork of a process with threads can hang; the server has none. It blocks Ctrl-C, and so do its workers: a terminal
    sends it to all processes, and only the first has to answer.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        resource_tracker.ensure_running()  # unblocks it
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return context


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Let handlers of signals run after the block, not within it: half-way, nobody would know of a process.

    Example:
        >>> with signals_deferred():
        ...     started = True
    """
    received: list[int] = []
    ours = threading.current_thread() is threading.main_thread()
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)} if ours else {}
    for each in handlers:
        signal.signal(each, lambda number, _: received.append(number))
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in received[:1]:
            signal.raise_signal(number)
