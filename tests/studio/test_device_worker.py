"""Of each page only the newest request waits: told by states, not by times."""

import threading
from concurrent.futures import CancelledError
from typing import Any

import pytest

from smis.studio import device_worker
from smis.studio.device_worker import BusyError, DeviceWorker, Job, SupersededError


class _Gate:
    """Work that runs until it is let go."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, job: Job) -> str:
        self.entered.set()
        assert self.open.wait(60)
        job.stop_if_superseded()
        return "done"


def test_ten_fast_requests_of_a_page_make_the_first_and_the_last_picture() -> None:
    gate, computed = _Gate(), list[int]()
    with DeviceWorker() as worker:
        blocking = worker.submit("other page", gate)
        assert gate.entered.wait(60)
        waiting = [worker.submit("page", lambda _, n=n: computed.append(n), sequence=n) for n in range(10)]
        gate.open.set()
        waiting[-1].result(60)
        assert blocking.result(60) == "done"
    assert computed == [9]
    for older in waiting[:-1]:
        with pytest.raises(SupersededError, match="superseded"):
            older.result()


def test_a_request_that_runs_hears_of_a_newer_one_of_its_page_only() -> None:
    gates = {"one": _Gate(), "two": _Gate()}
    with DeviceWorker() as worker:
        running = worker.submit("page", gates["one"])
        assert gates["one"].entered.wait(60)
        newer = worker.submit("page", gates["two"])
        gates["one"].open.set()
        with pytest.raises(SupersededError):
            running.result(60)
        assert gates["two"].entered.wait(60)
        beside = worker.submit("other page", lambda _: "beside")
        gates["two"].open.set()
        assert (newer.result(60), beside.result(60)) == ("done", "beside")


def test_a_request_that_comes_late_does_not_take_the_place_of_a_newer_one() -> None:
    gate = _Gate()
    with DeviceWorker() as worker:
        worker.submit("other page", gate)
        assert gate.entered.wait(60)
        newest = worker.submit("page", lambda _: "newest", sequence=2)
        late = worker.submit("page", lambda _: "late", sequence=1)
        gate.open.set()
        assert newest.result(60) == "newest"
        with pytest.raises(SupersededError):
            late.result(60)


def test_pages_take_turns() -> None:
    gate, order = _Gate(), list[str]()
    with DeviceWorker() as worker:
        worker.submit("blocking", gate)
        assert gate.entered.wait(60)
        names = ["a", "b", "a", "c"]
        waiting = [worker.submit(name, lambda _, name=name: order.append(name)) for name in names]
        gate.open.set()
        waiting[-1].result(60)
    assert order == ["a", "b", "c"]


def test_an_error_goes_to_the_one_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Job) -> Any:
        raise ValueError("broken")

    with DeviceWorker() as worker:
        with pytest.raises(ValueError, match="broken"):
            worker.submit("page", fail).result(60)
        assert worker.submit("page", lambda _: "works").result(60) == "works"


def test_more_pages_than_allowed_are_told_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_worker, "MOST_WAITING", 1)
    gate = _Gate()
    with DeviceWorker() as worker:
        worker.submit("blocking", gate)
        assert gate.entered.wait(60)
        worker.submit("one", lambda _: "one")
        with pytest.raises(BusyError, match="1 requests wait already, more are not allowed; try again in a moment"):
            worker.submit("two", lambda _: "two")
        assert worker.submit("one", lambda _: "newer").cancelled() is False
        gate.open.set()


def test_what_waits_is_given_up_at_the_end() -> None:
    gate = _Gate()
    worker = DeviceWorker()
    worker.submit("blocking", gate)
    assert gate.entered.wait(60)
    waiting = worker.submit("page", lambda _: "never")
    closing = threading.Thread(target=worker.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(60)
    gate.open.set()
    closing.join(60)
