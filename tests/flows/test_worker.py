"""`python -m flows.worker`, whose worker of Prefect's ends."""

import sys
from contextlib import nullcontext
from unittest.mock import Mock

import pytest

from flows import worker
from flows.errors import ServiceError


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Gives the seconds after which each worker in turn ends."""
    times = Mock()
    monkeypatch.setattr(worker, "answers", nullcontext)
    monkeypatch.setattr(worker, "server", lambda: "http://127.0.0.1:9/api")
    monkeypatch.setattr(worker, "STEADY_S", 0.5)
    monkeypatch.setattr(worker, "POLL_S", 0.01)
    script = "import sys, time; time.sleep(float(sys.argv[1])); sys.exit(3)"
    monkeypatch.setattr(worker, "command", lambda _: [sys.executable, "-c", script, str(times())])
    return times


def test_a_worker_that_ends_after_an_outage_starts_again_when_the_server_answers(
    ends: Mock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends.side_effect = [0.6, 0.6, 0.0]
    healthy = Mock(side_effect=[False, False, True, True])
    monkeypatch.setattr(worker, "healthy", healthy)
    with pytest.raises(ServiceError, match="the worker ended with exit code 3"):
        worker.main([])
    assert ends.call_count == 3
    healthy.assert_called_with("http://127.0.0.1:9/api/health")
    assert capsys.readouterr().out.count("exit code 3; it starts again when http://127.0.0.1:9/api answers") == 2


def test_a_worker_that_ends_at_once_is_not_started_again(ends: Mock) -> None:
    ends.side_effect = [0.0]
    with pytest.raises(ServiceError, match="the worker ended with exit code 3"):
        worker.main([])
