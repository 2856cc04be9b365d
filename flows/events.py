"""What a flow waits for: something that it started has ended, or it shall stop."""

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
