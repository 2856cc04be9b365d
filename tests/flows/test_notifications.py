"""A webhook is called by a real Prefect server when a run fails or a sweep ends, and at no other time."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import notifications
from flows.deployments import load
from flows.exceptions import FlowError
from flows.notifications import AUTOMATIONS, main
from tests.flows.api import ask
from tests.flows.workspaces import wait_for

pytestmark = pytest.mark.slow


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?key=secret"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        assert self.headers["Content-Type"] == "application/json"
        assert self.path == "/hook?key=secret"
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(server: str, flow: str, name: str, state: str, message: str = "") -> None:
    """Let a run of a flow begin and end."""
    flow_id = ask(server, "flows/", name=flow)["id"]
    created = ask(server, "flow_runs/", flow_id=flow_id, name=name, state={"type": "PENDING"})
    for each in ({"type": "RUNNING"}, {"type": state, "message": message}):
        ask(server, f"flow_runs/{created['id']}/set_state", state=each, force=True)


@pytest.fixture
def known(server: str) -> Iterator[str]:
    """The server, to which commands of this process go."""
    with temporary_settings({PREFECT_API_URL: server}):
        yield server


def test_a_failure_and_the_end_of_a_sweep_are_told_once_and_nothing_else_is(
    known: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMIS_WEBHOOK", receiver.url)
    main([])
    main([])  # again, as every `make up` does
    assert "secret" not in (printed := capsys.readouterr().out)
    assert printed.splitlines() == [f"registered {name!r}" for name in AUTOMATIONS] * 2
    run(known, "another", "not-ours", "FAILED")
    run(known, "experiment", "all-is-well", "COMPLETED")
    run(known, "trial", "cancelled-with-its-sweep", "CANCELLED")
    run(known, "experiment", "broken", "FAILED", 'a "stage" failed;\n  use another')
    run(known, "sweep", "rates", "COMPLETED", "3 finished")
    run(known, "sweep", "widths", "CANCELLED")
    run(known, "trial", "lost", "CRASHED")
    wait_for(lambda: len(receiver.received) >= 4)
    assert sorted(each["run"] for each in receiver.received) == ["broken", "lost", "rates", "widths"]
    told = {each["run"]: each for each in receiver.received}
    page = told["broken"].pop("page")
    assert told["broken"] == {
        "text": 'experiment broken: Failed, a "stage" failed;\n  use another',
        "flow": "experiment",
        "run": "broken",
        "state": "Failed",
        "message": 'a "stage" failed;\n  use another',
    }
    assert page.startswith(f"{known.removesuffix('/api')}/runs/flow-run/")
    assert told["rates"]["text"] == "sweep rates: Completed, 3 finished"
    main(["--remove"])
    main(["--remove"])
    assert capsys.readouterr().out.split("\n")[:2] == [f"removed {name!r}" for name in AUTOMATIONS]
    assert not [each for each in ask(known, "automations/filter") if each["name"] in AUTOMATIONS]


def test_automations_name_the_flows_of_the_deployments() -> None:
    assert {flow for _, flows in AUTOMATIONS.values() for flow in flows} == {flow.name for flow, _ in load()}


@pytest.mark.parametrize("url", ["hooks.example.com/x", "ftp://example.com", "https://"])
def test_what_is_no_address_is_one_line_without_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_WEBHOOK", url)
    with pytest.raises(
        FlowError, match=r"^SMIS_WEBHOOK is no address of a web server; it begins with https:// and a host$"
    ):
        notifications.webhook_url()


def test_without_an_address_the_remedy_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SMIS_WEBHOOK", raising=False)
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert capsys.readouterr().err.startswith("error: SMIS_WEBHOOK is not set; set it to the address to call")
