"""What a flow waits for: something that it started has ended, or it shall stop."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

Events = SimpleQueue[Any]
"""What was started reports its end here; another thread may leave an exception, as a reason to stop."""


def next_of(events: Events) -> Any:
    """Wait for the next event; raise it if it is an exception."""
    event = events.get()
    if isinstance(event, BaseException):
        raise event
    return event


def heard_meanwhile(work: Callable[[], object], events: Events) -> None:
    """Do a flow's last work in a thread, and hear meanwhile that it shall stop."""
    threads = ThreadPoolExecutor(1)
    doing = threads.submit(copy_context().run, work)
    threads.shutdown(wait=False)
    doing.add_done_callback(lambda _: events.put(None))
    next_of(events)
    doing.result()
