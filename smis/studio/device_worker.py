"""One thread that computes for all pages; of each page only the newest request waits."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from smis.core.errors import SmisError

MOST_WAITING = 256
"""Requests of different pages."""

Result = TypeVar("Result")


class SupersededError(SmisError):
    """A newer request of the same page came before this one was answered."""

    def __init__(self) -> None:
        super().__init__("superseded")


class BusyError(SmisError):
    """More pages wait than are allowed."""


@dataclass(eq=False)
class Job:
    """A request that waits or runs."""

    page: str
    work: "Callable[[Job], Any]"
    sequence: int
    future: "Future[Any]" = field(default_factory=Future)
    superseded: bool = False

    def stop_if_superseded(self) -> None:
        """Give up between two parts of the work, where a newer request of the page waits.

        Raises:
            SupersededError: if there is one.
        """
        if self.superseded:
            raise SupersededError


class DeviceWorker:
    """Run requests one after the other, in a thread of their own.

    A page has one request that runs, at most, and one that waits: a newer one takes the place of that, which ends with
    a `SupersededError`.

    Example:
        >>> with DeviceWorker() as worker:
        ...     worker.submit("page", lambda job: 6 * 7).result()
        42
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, Job] = OrderedDict()
        self._running: Job | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="smis-studio", daemon=True)
        self._thread.start()

    def __enter__(self) -> "DeviceWorker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def run(self, page: str, work: Callable[[Job], Result], *, sequence: int = 0) -> Result:
        """Wait for the result of `work`.

        Raises:
            SupersededError: if a newer request of the page came.
            BusyError: if too many pages wait.
        """
        return await asyncio.wrap_future(self.submit(page, work, sequence=sequence))

    def submit(self, page: str, work: Callable[[Job], Result], *, sequence: int = 0) -> "Future[Result]":
        """Let a request wait, in the place of an older one of its page."""
        job = Job(page, work, sequence)
        with self._changed:
            older = self._waiting.get(page)
            if older is not None and older.sequence > sequence:
                job.future.set_exception(SupersededError())
                return job.future
            if older is None and len(self._waiting) >= MOST_WAITING:
                raise BusyError(f"{MOST_WAITING} requests wait already, more are not allowed; try again in a moment")
            if self._running is not None and self._running.page == page:
                self._running.superseded = True
            self._waiting[page] = job
            self._changed.notify()
        if older is not None and older.future.set_running_or_notify_cancel():
            older.future.set_exception(SupersededError())
        return job.future

    def close(self) -> None:
        """End after what is running; what waits is given up."""
        with self._changed:
            self._closed = True
            waiting = [*self._waiting.values()]
            self._waiting.clear()
            self._changed.notify()
        for job in waiting:
            job.future.cancel()
        self._thread.join()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                job.future.set_result(job.work(job))
            except BaseException as error:  # the one who waits for the result raises it
                job.future.set_exception(error)

    def _next(self) -> Job | None:
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            self._running = self._waiting.popitem(last=False)[1]
            return self._running
