"""One running sweep of a name: a lock on a file in a workspace and, between workspaces, Prefect's concurrency limit."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress

import httpx
from filelock import FileLock, Timeout
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.exceptions import PrefectException
from prefect.logging import get_logger

from flows.exceptions import SweepError
from flows.retry import ask_prefect, retry
from flows.sweep.config import Sweep
from flows.sweep.study import DATABASE
from flows.sweep.workspace import SWEEPS

LEASE_S = 60.0
"""Seconds after which Prefect frees the name of a sweep that was killed; the least that Prefect allows."""
TIMEOUT_S = 120.0
"""Seconds to wait for the name: longer than the lease of a sweep that was killed."""

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
    is_running = f"sweep {sweep.name} is running already; wait for it, or choose another name"
    try:
        lock = FileLock(folder / "lock").acquire(blocking=False)
    except Timeout:
        raise SweepError(is_running) from None
    with lock, _leased(f"sweep:{sweep.name}", timeout_s, is_running) if is_shared else nullcontext():
        yield


@contextmanager
def _leased(limit: str, timeout_s: float, is_running: str) -> Iterator[None]:
    """Hold the only slot of a concurrency limit, by a lease that Prefect renews while this process lives."""
    _LOG.info("reserving %s on Prefect's server; it waits for the lease of a sweep that was killed", limit)
    retry(lambda: ask_prefect(lambda client: client.upsert_global_concurrency_limit_by_name(limit, 1)))
    slot = ExitStack()
    try:
        # Without the slot, after a long outage of the server, the trainings go on.
        options = {"timeout_seconds": timeout_s, "lease_duration": LEASE_S, "raise_on_lease_renewal_failure": False}
        retry(
            lambda: slot.enter_context(concurrency(limit, strict=True, **options)),
            is_outage=lambda error: isinstance(error, ConcurrencySlotAcquisitionError),
        )
    except TimeoutError:
        remedy = f"`prefect global-concurrency-limit delete {limit}` frees a name that no sweep holds"
        raise SweepError(f"{is_running}; {remedy}") from None
    try:
        yield
    finally:
        with suppress(httpx.HTTPError, PrefectException):  # the lease expires by itself
            slot.close()
