"""Hear that a run was cancelled in Prefect's page: a run that no worker started has nobody else who would tell it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled

from flows.events import Events, next_of

POLL_S = 2.0


class CancelledInPageError(Exception):
    """The run was cancelled, or deleted, in Prefect's page."""


def until_cancelled(work: Callable[[Events], State[None]], *, end: Callable[[], object]) -> State[None]:
    """Do a flow's work; if it is cancelled in the page, breaks or is stopped by a signal, `end` what it has started."""
    events = Events()
    try:
        with _watched(events):
            return work(events)
    except CancelledInPageError as error:
        end()
        return Cancelled(message=str(error))
    except BaseException:
        end()
        raise


def finished(future: PrefectFuture[Any], events: Events) -> State[Any]:
    """Wait for a flow's only task, and hear meanwhile that the flow is cancelled; return how the task ended."""
    future.add_done_callback(lambda _: events.put(None))
    next_of(events)
    future.wait()
    return future.state


@contextmanager
def _watched(events: Events) -> Iterator[None]:
    """Meanwhile, leave a `CancelledInPageError` in `events` if this flow run is cancelled on a server."""
    if not PREFECT_API_URL.value():
        yield  # Prefect's own short-lived server: nobody else can reach it
        return
    done = threading.Event()
    watcher = threading.Thread(target=copy_context().run, args=(_watch, UUID(flow_run.id), events, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(run: UUID, events: Events, done: threading.Event) -> None:
    with get_client(sync_client=True) as client:
        while not done.wait(POLL_S):
            with suppress(httpx.HTTPError, PrefectException):  # a server that is away for a moment is no reason to stop
                if reason := _reason(client, run):
                    events.put(CancelledInPageError(reason))
                    return


def _reason(client: SyncPrefectClient, run: UUID) -> str:
    """Say why a run shall stop; nothing if it shall go on."""
    try:
        state = client.read_flow_run(run).state
    except ObjectNotFound:
        return "deleted in Prefect's page"
    if state and state.is_crashed():
        return f"given up for lost: {state.message}"
    over = state and (state.is_cancelling() or state.is_final())
    return "cancelled in Prefect's page" if over else ""
