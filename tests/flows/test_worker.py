"""`python -m flows.worker`, whose worker of Prefect's ends."""

from contextlib import nullcontext
from unittest.mock import Mock

import pytest

from flows import worker
from flows.exceptions import ServiceError


class Workers:
    """Each ends after as many seconds as it is told, with exit code 3."""

    def __init__(self, *seconds: float) -> None:
        self._now, self._seconds = 0.0, list(seconds)
        self.sleep = Mock()

    def monotonic(self) -> float:
        return self._now

    def run(self, *_: object) -> int:
        self._now += self._seconds.pop(0)
        return 3


def serve(workers: Workers, monkeypatch: pytest.MonkeyPatch, *, answers: list[bool]) -> Mock:
    """Run them until the last has ended; return what asked the server whether it is well."""
    healthy = Mock(side_effect=answers)
    monkeypatch.setattr(worker, "exit_on_error", nullcontext)
    monkeypatch.setattr(worker, "find_api_url", lambda: "http://127.0.0.1:9/api/")
    monkeypatch.setattr(worker, "is_healthy", healthy)
    monkeypatch.setattr(worker, "time", workers)
    monkeypatch.setattr(worker, "_run", workers.run)
    with pytest.raises(ServiceError, match="the worker ended with exit code 3"):
        worker.main([])
    return healthy


def test_a_worker_that_ends_after_an_outage_starts_again_when_the_server_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = Workers(840.0, 61.0, 1.0)
    healthy = serve(workers, monkeypatch, answers=[False, False, True, True])
    healthy.assert_called_with("http://127.0.0.1:9/api/health")
    assert workers.sleep.call_count == 2
    assert capsys.readouterr().out.count("exit code 3; it starts again when http://127.0.0.1:9/api/ answers") == 2


def test_a_worker_that_ends_at_once_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not serve(Workers(1.0), monkeypatch, answers=[]).called
