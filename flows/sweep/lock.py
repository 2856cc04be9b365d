"""One running sweep of a name: a lock on a file in a workspace and, between workspaces, Prefect's concurrency limit."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from uuid import UUID

import httpx
from prefect.exceptions import PrefectException
from prefect.logging import get_logger

from flows.exceptions import RefusedError, SweepError
from flows.retry import ask_prefect, call_periodically, retry
from flows.sweep.config import Sweep
from flows.sweep.study import DATABASE
from flows.sweep.workspace import SWEEPS

LEASE_S = 60.0
"""Seconds after which Prefect frees the name of a sweep that was killed; the least that Prefect allows."""
TIMEOUT_S = 120.0
"""Seconds to wait for the name: longer than the lease of a sweep that was killed."""
POLL_S = 2.0

_LOG = get_logger("sweep")


@contextmanager
def exclusive(sweep: Sweep, *, timeout_s: float = TIMEOUT_S) -> Iterator[None]:
    """Hold a sweep's name while the block runs: in this workspace, and on Prefect's server if others share its study.

    Raises:
        SweepError: if a sweep of this name is running.
    """
    is_shared = sweep.executor == "pool" or bool(os.environ.get(DATABASE))
    folder = SWEEPS / sweep.name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _is_running(sweep.name) from None
        with _leased(sweep.name, timeout_s) if is_shared else nullcontext():
            yield


@contextmanager
def _leased(name: str, timeout_s: float) -> Iterator[None]:
    """Hold the only slot of a concurrency limit by a lease that is renewed while this process lives.

    Prefect's own `concurrency` stops renewing when its server is away for a few seconds.
    """
    limit = f"sweep:{name}"
    _LOG.info("reserving %s on Prefect's server; it waits for the lease of a sweep that was killed", limit)
    retry(lambda: ask_prefect(lambda client: client.upsert_global_concurrency_limit_by_name(limit, 1)))
    lease = _wait(name, limit, timeout_s)

    def renew() -> None:
        nonlocal lease
        try:
            ask_prefect(lambda client: client.renew_concurrency_lease(lease, LEASE_S))
        except httpx.HTTPStatusError:  # it expired while the server was away
            lease = _acquire(limit)

    try:
        with call_periodically(renew, interval_s=LEASE_S / 4):  # a server that is away stops no training
            yield
    finally:
        with suppress(httpx.HTTPError, PrefectException):  # the lease expires by itself
            ask_prefect(lambda client: client.release_concurrency_slots_with_lease(lease))


def _wait(name: str, limit: str, timeout_s: float) -> UUID:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return retry(lambda: _acquire(limit))
        except RefusedError as error:
            answer = getattr(error.__cause__, "response", None)
            if answer is None or answer.status_code != httpx.codes.LOCKED:
                raise
        if time.monotonic() > deadline:
            remedy = f"`prefect global-concurrency-limit delete {limit}` frees a name that no sweep holds"
            raise SweepError(f"{_is_running(name)}; {remedy}")
        time.sleep(POLL_S)


def _acquire(limit: str) -> UUID:
    answer = ask_prefect(
        lambda client: client.increment_concurrency_slots_with_lease([limit], 1, "concurrency", LEASE_S)
    )
    return UUID(answer.json()["lease_id"])


def _is_running(name: str) -> SweepError:
    return SweepError(f"sweep {name} is running already; wait for it, or choose another name")
