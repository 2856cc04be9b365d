"""Something done again and again beside other work."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context


@contextmanager
def repeating(call: Callable[[], object], *, every_s: float) -> Iterator[None]:
    """Meanwhile, call again and again in a thread, first after `every_s` seconds; the call raises nothing.

    The thread knows which flow run it belongs to. At the end it is waited for.
    """
    done = threading.Event()

    def work() -> None:
        while not done.wait(every_s):
            call()

    thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
