"""What is asked again of a server that is away, and what is not."""

from collections.abc import Callable

import httpx
import pytest
from prefect.exceptions import ObjectNotFound

from flows import patience
from flows.errors import EndedError, LostError, RefusedError
from flows.patience import patiently


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "POLL_S", 0.01)


def answers(code: int) -> Exception:
    request = httpx.Request("GET", "http://there")
    return httpx.HTTPStatusError(f"it is {code}", request=request, response=httpx.Response(code, request=request))


def after(*errors: Exception) -> Callable[[], str]:
    waiting = list(errors)

    def call() -> str:
        if waiting:
            raise waiting.pop(0)
        return "done"

    return call


def test_a_server_that_is_away_is_asked_again() -> None:
    errors = [httpx.ConnectError("away"), answers(500), answers(503), answers(429), answers(408)]
    assert patiently(after(*errors)) == "done"


@pytest.mark.parametrize(
    ("error", "why"), [(answers(422), "it is 422"), (ObjectNotFound(answers(404)), "there is none")]
)
def test_a_server_that_refuses_is_not_asked_again(error: Exception, why: str) -> None:
    with pytest.raises(RefusedError, match=f"^{why}$"):
        patiently(after(error))


def test_a_server_that_stays_away_is_given_up() -> None:
    with pytest.raises(LostError, match=r"^Prefect's server has not answered for 0 s \(away\)$"):
        patiently(after(*[httpx.ConnectError("away")] * 100), within_s=0.1)


def test_who_ends_does_not_wait_for_a_server() -> None:
    with pytest.raises(EndedError, match="is away, and the flow ends"):
        patiently(after(httpx.ConnectError("away")), ended=lambda: True)
