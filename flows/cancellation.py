"""Waiting inside a flow: for the end of what it has started, or for its cancellation on Prefect's page.

A run that no worker started has nobody else to notify it of its cancellation.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled

from flows.retry import call_periodically

POLL_S = 2.0
EventQueue = SimpleQueue[Any]
"""What was started reports its end here; an exception in it is a reason to stop."""


class CancellationError(Exception):
    """The run was cancelled, or deleted, on Prefect's page."""


def next_event(events: EventQueue) -> Any:
    """Wait for the next event; raise it if it is an exception."""
    event = events.get()
    if isinstance(event, BaseException):
        raise event
    return event


def run_with_cancellation(work: Callable[[EventQueue], State[None]], *, cleanup: Callable[[], object]) -> State[None]:
    """Run a flow's work; call `cleanup` if it is cancelled on Prefect's page, raises, or is stopped by a signal."""
    events = EventQueue()
    try:
        with _polling(events):
            return work(events)
    except CancellationError as error:
        cleanup()
        return Cancelled(message=str(error))
    except BaseException:
        cleanup()
        raise


def run_in_thread(work: Callable[[], object], events: EventQueue) -> None:
    """Run a flow's last work in a thread, so that a cancellation interrupts the waiting for it."""
    executor = ThreadPoolExecutor(1)
    future = executor.submit(copy_context().run, work)
    executor.shutdown(wait=False)
    future.add_done_callback(lambda _: events.put(None))
    next_event(events)
    future.result()


@contextmanager
def _polling(events: EventQueue) -> Iterator[None]:
    """Put a `CancellationError` into `events` if this flow run is cancelled on a server while the block runs."""
    if not PREFECT_API_URL.value():
        yield  # Prefect's temporary server: nobody else can reach it
        return
    with get_client(sync_client=True) as client:
        poll = partial(_poll, client, UUID(flow_run.id), events)
        with call_periodically(poll, interval_s=POLL_S):
            yield


def _poll(client: SyncPrefectClient, run: UUID, events: EventQueue) -> None:
    with suppress(httpx.HTTPError, PrefectException):  # a short outage of the server is no reason to stop
        if reason := _stop_reason(client, run):
            events.put(CancellationError(reason))


def _stop_reason(client: SyncPrefectClient, run: UUID) -> str:
    """Return why a run should stop; empty if it should go on."""
    try:
        state = client.read_flow_run(run).state
    except ObjectNotFound:
        return "deleted on Prefect's page"
    if state and state.is_crashed():
        return f"crashed: {state.message}"
    over = state and (state.is_cancelling() or state.is_final())
    return "cancelled on Prefect's page" if over else ""
