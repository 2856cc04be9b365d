"""What is asked again of a server that is away, and what is not."""

import time
from collections.abc import Callable
from contextvars import ContextVar

import httpx
import pytest
from prefect.exceptions import ObjectNotFound

from flows import retry as retrying
from flows.exceptions import ConnectionLostError, RefusedError, StoppedError
from flows.retry import call_periodically, retry
from tests.flows.workspaces import wait_for

WHOSE = ContextVar("whose", default="nobody's")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "INTERVAL_S", 0.01)


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
    assert retry(after(*errors)) == "done"


@pytest.mark.parametrize(("error", "why"), [(answers(422), "it is 422"), (ObjectNotFound(answers(404)), "not found")])
def test_a_server_that_refuses_is_not_asked_again(error: Exception, why: str) -> None:
    with pytest.raises(RefusedError, match=f"^{why}$"):
        retry(after(error))


def test_a_server_that_stays_away_is_given_up() -> None:
    with pytest.raises(ConnectionLostError, match=r"^Prefect's server has not answered for 0 s \(away\)$"):
        retry(after(*[httpx.ConnectError("away")] * 100), timeout_s=0.1)


def test_an_outage_begins_with_the_first_failure() -> None:
    outages = after(httpx.ConnectError("away"))

    def work() -> str:
        time.sleep(0.02)
        return outages()

    assert retry(work, timeout_s=0.01) == "done"


def test_who_ends_does_not_wait_for_a_server() -> None:
    with pytest.raises(StoppedError, match="does not answer, and the flow stops"):
        retry(after(httpx.ConnectError("away")), should_stop=lambda: True)


def test_a_call_is_made_periodically_during_the_block_and_never_after_it() -> None:
    calls: list[int] = []
    with call_periodically(lambda: calls.append(1), interval_s=0.01):
        wait_for(lambda: len(calls) > 3, timeout_s=20)
    before = len(calls)
    time.sleep(0.1)
    assert len(calls) == before


def test_the_thread_knows_what_its_maker_knows() -> None:
    asked: list[str] = []
    known = WHOSE.set("hers")
    with call_periodically(lambda: asked.append(WHOSE.get()), interval_s=0.01):
        wait_for(lambda: asked, timeout_s=20)
    WHOSE.reset(known)
    assert asked[0] == "hers"


def test_an_unexpected_error_is_logged_and_the_calls_go_on(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise [httpx.ConnectError("away"), ValueError("odd")][len(calls) % 2]

    with call_periodically(call, interval_s=0.01):
        wait_for(lambda: len(calls) > 4, timeout_s=20)
    errors = [record for record in caplog.records if record.exc_info]
    assert errors
    assert {str(record.exc_info and record.exc_info[1]) for record in errors} == {"odd"}
