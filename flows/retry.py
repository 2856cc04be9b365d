"""The one retry policy for calls to servers, and calls repeated in the background."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectException
from prefect.logging import get_logger

from flows.addresses import without_credentials
from flows.exceptions import ConnectionLostError, RefusedError, StoppedError

INTERVAL_S = 2.0
TIMEOUT_S = 300.0
_RETRIED_CODES = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}
_LOG = get_logger("flows")
T = TypeVar("T")


def is_prefect_outage(error: Exception) -> bool:
    """Tell a Prefect server that is unavailable from one that refuses the request.

    Raises:
        RefusedError: if the server has understood the request and refuses it.
    """
    refused = isinstance(error, ObjectNotFound | ObjectAlreadyExists)
    if isinstance(error, httpx.HTTPStatusError) and error.response.is_client_error:
        refused = error.response.status_code not in _RETRIED_CODES
    if refused:
        raise RefusedError(_message(error)) from error
    return isinstance(error, httpx.HTTPError | PrefectException)


def retry(
    call: Callable[[], T],
    *,
    is_outage: Callable[[Exception], bool] = is_prefect_outage,
    server: str = "Prefect's server",
    should_stop: Callable[[], bool] = lambda: False,
    timeout_s: float = TIMEOUT_S,
) -> T:
    """Repeat an idempotent call every two seconds until the server answers.

    Args:
        call: The request; making it twice has the effect of making it once.
        is_outage: Whether an exception means that the server is unavailable; others are not retried.
        server: What messages call the server.
        should_stop: Whether the flow has stopped and nobody waits for the answer.
        timeout_s: Seconds of outage after which the call is given up.

    Raises:
        RefusedError: if the server refuses the request.
        ConnectionLostError: if the outage lasts for `timeout_s` seconds.
        StoppedError: if `should_stop` during the outage.
    """
    first_failure: float | None = None  # the call itself may take hours
    while True:
        try:
            return call()
        except Exception as error:
            if not is_outage(error):
                raise
            now = time.monotonic()
            first_failure = now if first_failure is None else first_failure
            if now - first_failure >= timeout_s:
                reason = f"{server} has not answered for {timeout_s:.0f} s ({_message(error)})"
                raise ConnectionLostError(reason) from error
        if should_stop():
            raise StoppedError(f"{server} does not answer, and the flow stops")
        time.sleep(INTERVAL_S)


def ask_prefect(call: Callable[[SyncPrefectClient], T]) -> T:
    """Call Prefect's server by a new client: one that has seen an outage waits longer each time, up to 30 s."""
    with get_client(sync_client=True) as client:
        return call(client)


@contextmanager
def call_periodically(call: Callable[[], object], *, interval_s: float) -> Iterator[None]:
    """Call every `interval_s` seconds in a thread while the block runs.

    A server that is unavailable is passed over; another exception is logged, and the calls go on.
    The thread inherits the context of the flow run. It is joined at the end of the block.
    """
    done = threading.Event()

    def loop() -> None:
        while not done.wait(interval_s):
            try:
                call()
            except (httpx.HTTPError, PrefectException):
                continue
            except Exception:
                _LOG.exception("a call that is made every %.0f s failed", interval_s)

    thread = threading.Thread(target=copy_context().run, args=(loop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _message(error: Exception) -> str:
    if isinstance(error, ObjectNotFound):  # its own message is empty
        return "not found"
    return without_credentials(" ".join(str(error).split())) or type(error).__name__
