"""Waiting inside a flow: for the end of what it has started, or for its cancellation on Prefect's page.

A run that no worker started has nobody else to notify it of its cancellation.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled

from flows.retry import call_periodically

POLL_S = 2.0
EventQueue = SimpleQueue[Any]
"""What was started reports its end here; an exception in it is a reason to stop."""
T = TypeVar("T")


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
        with ExitStack() as polling:
            if PREFECT_API_URL.value():  # not Prefect's temporary server, which nobody else can reach
                client = polling.enter_context(get_client(sync_client=True))
                poll = partial(_poll, client, UUID(flow_run.id), events)
                polling.enter_context(call_periodically(poll, interval_s=POLL_S))
            return work(events)
    except CancellationError as error:
        cleanup()
        return Cancelled(message=str(error))
    except BaseException:
        cleanup()
        raise


def run_in_thread(work: Callable[[], T], events: EventQueue) -> T:
    """Run a flow's last work in a thread, so that a cancellation interrupts the waiting for it; return its result."""
    executor = ThreadPoolExecutor(1)
    future = executor.submit(copy_context().run, work)
    executor.shutdown(wait=False)
    future.add_done_callback(lambda _: events.put(None))
    next_event(events)
    return future.result()


def _poll(client: SyncPrefectClient, run: UUID, events: EventQueue) -> None:
    try:
        state = client.read_flow_run(run).state
    except ObjectNotFound:
        events.put(CancellationError("deleted on Prefect's page"))
        return
    if state and state.is_crashed():
        events.put(CancellationError(f"crashed: {state.message}"))
    elif state and (state.is_cancelling() or state.is_final()):
        events.put(CancellationError("cancelled on Prefect's page"))
