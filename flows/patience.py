"""Ask Prefect's server again while it is away: what is worth hours of training must not hang on one answer."""

import time
from collections.abc import Callable
from typing import TypeVar

import httpx
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectException

from flows.errors import EndedError, LostError, RefusedError

POLL_S = 2.0
WITHIN_S = 300.0
_ANOTHER_TIME = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}
T = TypeVar("T")


def patiently(call: Callable[[], T], *, ended: Callable[[], bool] = lambda: False, within_s: float = WITHIN_S) -> T:
    """Call until the server answers; the call must mean the same when it is made twice.

    Raises:
        RefusedError: if the server understands, and refuses.
        LostError: if it is away for `within_s` seconds.
        EndedError: if `ended` meanwhile.
    """
    until = time.monotonic() + within_s
    while True:
        try:
            return call()
        except (httpx.HTTPError, PrefectException) as error:
            raise_if_refused(error)
            if time.monotonic() > until:
                why = f"Prefect's server has not answered for {within_s:.0f} s ({_reason(error)})"
                raise LostError(why) from error
        if ended():
            raise EndedError("Prefect's server is away, and the flow ends")
        time.sleep(POLL_S)


def raise_if_refused(error: Exception) -> None:
    """Tell a server that refuses from one that is away.

    Raises:
        RefusedError: if the server has understood, and refuses.
    """
    if _refuses(error):
        raise RefusedError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ObjectNotFound):  # it says nothing itself
        return "there is none"
    return " ".join(str(error).split()) or type(error).__name__


def _refuses(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.is_client_error and error.response.status_code not in _ANOTHER_TIME
    return isinstance(error, ObjectNotFound | ObjectAlreadyExists)
