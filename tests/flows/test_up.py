"""`python -m flows.up`: both servers and a worker, healthy, and none left."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
from prefect.settings import PREFECT_SERVER_API_AUTH_STRING, temporary_settings

from flows import up
from flows.exceptions import FlowError
from flows.processes import terminate
from flows.up import MLFLOW, PREFECT, WORKER, Service
from tests import empty_databases
from tests.flows.api import ask
from tests.flows.workspaces import ROOT, Workspace, answers, wait_for
from tests.servers import free_port

UP = "flows.up"


def test_both_servers_and_a_worker_come_up_and_ctrl_c_ends_all(workspace: Workspace, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = workspace.start(UP, PREFECT_HOME=str(home))
    wait_for(lambda: "Ctrl-C ends all three" in workspace.output() or process.poll() is not None)
    prefect, mlflow, worker = (
        f"http://127.0.0.1:{workspace.env[f'SMIS_{name}_PORT']}" for name in ("PREFECT", "MLFLOW", "WORKER")
    )
    assert f"export PREFECT_API_URL={prefect}/api" in workspace.output()
    assert f"export MLFLOW_TRACKING_URI={mlflow}" in workspace.output()
    assert answers(f"{prefect}/api/health")
    assert answers(f"{mlflow}/health")
    assert answers(mlflow)
    assert answers(f"{worker}/health")
    names = {one["name"] for one in ask(f"{prefect}/api", "deployments/filter")}
    assert names == {"experiment", "sweep", "trial"}
    below = psutil.Process(process.pid).children(recursive=True)
    listening = {at.laddr.ip for one in below for at in one.net_connections("inet") if at.status == "LISTEN"}
    assert listening == {"127.0.0.1"}
    assert (workspace.path / ".scratch/services/prefect.db").exists()
    assert not (home / "prefect.db").exists()
    ports = {"SMIS_PREFECT_PORT": workspace.env["SMIS_PREFECT_PORT"], "PYTHONPATH": str(ROOT)}
    assert found(workspace.path, ports) == f"{prefect}/api"
    assert found(tmp_path.parent, ports) == "None"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=300) == 0
    assert [one for one in below if one.is_running()] == []


def test_the_pages_that_compare_cells_are_those_of_the_port_that_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("SMIS_MLFLOW_PORT", "5999")
    (none,) = up._mlflow_pages()
    assert none.startswith("MLflow   http://127.0.0.1:5999/#/experiments?workflowType=machine_learning   `make repro`")
    package = tmp_path / "pipelines" / "tracking"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    lines = r"tracking: no link\ndoll/one  http://127.0.0.1:5000/#/runs/1\nall cells  http://127.0.0.1:5000/#/runs?a=b"
    (package / "__main__.py").write_text(f"print('{lines}')")
    assert up._mlflow_pages() == ["MLflow   http://127.0.0.1:5999/#/runs?a=b   all cells"]


def found(folder: Path, env: Mapping[str, str]) -> str:
    """The server that a flow begun in a folder would take."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    command = [sys.executable, "-c", "from flows.command import find_api_url; print(find_api_url())"]
    return subprocess.run(
        command, cwd=folder, env={**mine, **env}, capture_output=True, text=True, check=True
    ).stdout.strip()


def asked(port: int, *, host: str) -> int:
    """The status that MLflow gives its own page, when it is called by a name."""
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Host": f"{host}:{port}", "Origin": f"http://{host}:{port}", "Content-Type": "application/json"}
    with closing(connection):
        connection.request("POST", "/api/2.0/mlflow/experiments/search", '{"max_results": 1}', headers)
        return connection.getresponse().status


@contextmanager
def open_to_all(
    service: Service, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[psutil.Process]]:
    """Run one server in the workspace, where other machines reach it; give its processes."""
    monkeypatch.chdir(workspace.path)
    values = {"SMIS_BIND": "0.0.0.0", "SMIS_HOST": "laboratory", service.port_variable: str(free_port())}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    process = service.start()
    try:
        service.wait(process)
        below = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        listening = [at.laddr for one in below for at in one.net_connections("inet") if at.status == "LISTEN"]
        assert {(at.ip, at.port) for at in listening if at.ip != "127.0.0.1"} == {("0.0.0.0", service.port)}
        yield below
    finally:
        terminate([process.pid])
        process.wait()


def test_prefect_can_have_a_chosen_database_and_be_open_to_all(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = shutil.copy(empty_databases.prefect(tmp_path_factory), workspace.path / "elsewhere.db")
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "sqlite+aiosqlite:///elsewhere.db")
    with open_to_all(PREFECT, workspace, monkeypatch) as server:
        assert str(chosen) in {file.path for one in server for file in one.open_files()}


def test_mlflow_that_is_open_to_all_answers_only_to_names_that_it_knows(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_databases.mlflow(tmp_path_factory), workspace.path)
    with open_to_all(MLFLOW, workspace, monkeypatch):
        assert MLFLOW.address == f"http://127.0.0.1:{MLFLOW.port}"
        assert [asked(MLFLOW.port, host=name) for name in ("laboratory", "elsewhere")] == [200, 403]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Run `flows.up` here, which cannot start; return what it prints."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit, match="2"):
        up.main([])
    return capsys.readouterr().err


@pytest.mark.parametrize("public", [False, True])
def test_a_port_that_is_taken_is_told_with_the_way_out_and_an_open_one_with_a_warning(
    public: bool, taken_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMIS_PREFECT_PORT", str(taken_port))
    if public:
        monkeypatch.setenv("SMIS_BIND", "0.0.0.0")
    warning, error, rest = refusal(monkeypatch, capsys).partition(f"error: port {taken_port} for Prefect cannot be had")
    assert error
    assert rest == ": address already in use; end what listens there, or choose another with SMIS_PREFECT_PORT=...\n"
    if public:
        assert warning.startswith(
            "warning: SMIS_BIND is 0.0.0.0, so that other machines reach the servers, unencrypted\n"
        )
        assert all(way in warning for way in ("PREFECT_SERVER_API_AUTH_STRING", "basic-auth", "docs/servers.md"))
    else:
        assert not warning


def test_a_port_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_PREFECT_PORT", "70000")
    with pytest.raises(FlowError, match="SMIS_PREFECT_PORT is '70000', but a port is a number from 1 to 65535"):
        _ = PREFECT.port


def test_servers_listen_on_this_machine_alone_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMIS_BIND", raising=False)
    assert {service.host for service in (PREFECT, MLFLOW, WORKER)} == {"127.0.0.1"}


@pytest.mark.parametrize("text", ["elsewhere", "203.0.113.7", "127.0.0.1; true"])
def test_an_address_that_is_not_this_machines_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_BIND", text)
    with pytest.raises(FlowError, match=f"SMIS_BIND is '{text}', but that is no IPv4 address of this machine; 127"):
        _ = PREFECT.host


def test_a_password_that_clients_do_not_know_is_told_without_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: "ada:countess"}):
        told = refusal(monkeypatch, capsys)
    assert told.startswith("error: PREFECT_SERVER_API_AUTH_STRING and PREFECT_API_AUTH_STRING differ; set both")
    assert "countess" not in told
