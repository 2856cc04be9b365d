"""`python -m flows.worker`, whose worker of Prefect exits."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from flows import worker
from flows.exceptions import FlowError


class Health(BaseHTTPRequestHandler):
    """A server that is unavailable twice, then healthy."""

    statuses: list[int]
    paths: list[str]

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_response(self.statuses.pop(0) if self.statuses else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Health.statuses, Health.paths = [503, 503], []
    monkeypatch.setattr(worker, "POLL_S", 0.01)
    with HTTPServer(("127.0.0.1", 0), Health) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api/"
        server.shutdown()


def test_a_worker_that_exits_after_an_outage_starts_again_when_the_server_answers(
    api: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []

    def run() -> int:
        runs.append(len(runs))
        monkeypatch.setattr(worker, "MIN_UPTIME_S", 3600.0 if len(runs) == 3 else 0.0)
        return 3

    with pytest.raises(FlowError, match="the worker ended with exit code 3"):
        worker.keep_running(run, api=api)
    assert runs == [0, 1, 2]
    assert Health.paths == ["/api/health"] * 4
    assert capsys.readouterr().out.count(f"exit code 3; it starts again when {api} answers") == 2


def test_a_worker_that_exits_at_once_is_not_started_again(api: str) -> None:
    with pytest.raises(FlowError, match="the worker ended with exit code 3"):
        worker.keep_running(lambda: 3, api=api)
    assert Health.paths == []
