"""One running sweep of a name: a lock on a file in a workspace and, between workspaces, Prefect's concurrency limit."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress

import httpx
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import PrefectException
from prefect.logging import get_logger

from flows.exceptions import SweepError
from flows.retry import retry
from flows.sweep.config import Sweep
from flows.sweep.study import DATABASE
from flows.sweep.workspace import SWEEPS

LEASE_S = 60.0
"""Seconds after which Prefect frees the name of a sweep that was killed; the least that Prefect allows."""
TIMEOUT_S = 120.0
"""Seconds to wait for the name: longer than the lease of a sweep that was killed."""

_LOG = get_logger("sweep")


def exclusive(sweep: Sweep, *, timeout_s: float = TIMEOUT_S) -> AbstractContextManager[None]:
    """Hold a sweep's name while the block runs: in this workspace, and on Prefect's server if others share its study.

    Raises:
        SweepError: if a sweep of this name is running.
    """
    is_shared = sweep.executor == "pool" or bool(os.environ.get(DATABASE))
    return _locked(sweep.name, _leased(sweep.name, timeout_s) if is_shared else nullcontext())


@contextmanager
def _locked(name: str, lease: AbstractContextManager[None]) -> Iterator[None]:
    folder = SWEEPS / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _is_running(name) from None
        with lease:
            yield


@contextmanager
def _leased(name: str, timeout_s: float) -> Iterator[None]:
    """Hold the only slot of a concurrency limit, whose lease Prefect renews while this process lives."""
    limit = f"sweep:{name}"
    _LOG.info("reserving %s on Prefect's server; it waits for the lease of a sweep that was killed", limit)
    retry(lambda: _create_limit(limit))
    slot = concurrency(
        limit,
        timeout_seconds=timeout_s,
        lease_duration=LEASE_S,
        strict=True,
        raise_on_lease_renewal_failure=False,  # a server that restarts at that moment must not stop trainings
    )
    stack = ExitStack()
    try:
        stack.enter_context(slot)
    except TimeoutError:
        raise _is_running(name) from None
    try:
        yield
    finally:
        with suppress(httpx.HTTPError, PrefectException):  # the lease of a server that is away expires by itself
            stack.close()


def _create_limit(limit: str) -> None:
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(limit, 1)


def _is_running(name: str) -> SweepError:
    return SweepError(f"sweep {name} is running already; wait for it, or choose another name")
