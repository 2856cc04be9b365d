"""`python -m flows.up`: both servers and a worker, healthy, and none left."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from flows.exceptions import PortError
from flows.processes import terminate
from flows.services import MLFLOW, PREFECT, WORKER
from tests.flows.api import ask
from tests.flows.workspaces import ROOT, Workspace, answers, wait_for

UP = "flows.up"


def test_both_servers_and_a_worker_come_up_and_ctrl_c_ends_all(workspace: Workspace, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = workspace.start(UP, PREFECT_HOME=str(home))
    wait_for(lambda: "Ctrl-C ends all three" in workspace.output() or process.poll() is not None, timeout_s=120)
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
    assert process.wait(timeout=15) == 0
    assert [one for one in below if one.is_running()] == []


def found(folder: Path, env: Mapping[str, str]) -> str:
    """The server that a flow begun in a folder would take."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    command = [sys.executable, "-c", "from flows.command import find_api_url; print(find_api_url())"]
    return subprocess.run(
        command, cwd=folder, env={**mine, **env}, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_database_that_a_person_has_chosen_is_prefects(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.path)
    chosen = "sqlite+aiosqlite:///elsewhere.db"
    port = workspace.env["SMIS_PREFECT_PORT"]
    for name, value in (("PREFECT_SERVER_DATABASE_CONNECTION_URL", chosen), ("SMIS_PREFECT_PORT", port)):
        monkeypatch.setenv(name, value)
    process = PREFECT.start()
    try:
        PREFECT.wait(process)
    finally:
        terminate([process.pid])
        process.wait()
    assert (workspace.path / "elsewhere.db").exists()


def test_a_port_that_is_taken_is_told_with_the_way_out(workspace: Workspace) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = workspace.run(UP, SMIS_PREFECT_PORT=str(port))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: port {port} for Prefect cannot be had: address already in use; end what")
    assert done.stderr.endswith("choose another with SMIS_PREFECT_PORT=...\n")


def test_a_port_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_PREFECT_PORT", "70000")
    with pytest.raises(PortError, match="SMIS_PREFECT_PORT is '70000', but a port is a number from 1 to 65535"):
        _ = PREFECT.port


def test_beyond_this_machine_there_is_a_warning_with_the_way_to_passwords(workspace: Workspace) -> None:
    process = workspace.start(UP, SMIS_BIND="0.0.0.0", SMIS_HOST="laboratory")
    wait_for(lambda: "Ctrl-C ends all three" in workspace.output() or process.poll() is not None, timeout_s=120)
    told = workspace.output()
    assert told.startswith("warning: SMIS_BIND is 0.0.0.0, so that other machines reach the servers, unencrypted\n")
    for way in ("PREFECT_SERVER_API_AUTH_STRING", "--app-name basic-auth", "docs/servers.md"):
        assert way in told
    port = workspace.env["SMIS_MLFLOW_PORT"]
    assert f"MLflow   http://127.0.0.1:{port}" in told
    assert [asked(port, host=name) for name in ("laboratory", "elsewhere")] == [200, 403]
    below = psutil.Process(process.pid).children(recursive=True)
    open_to_all = {at.laddr.port for one in below for at in one.net_connections("inet") if at.laddr.ip == "0.0.0.0"}
    assert open_to_all == {int(workspace.env[f"SMIS_{name}_PORT"]) for name in ("PREFECT", "MLFLOW")}


def asked(port: str, *, host: str) -> int:
    """The status that MLflow gives its own page, when it is called by a name."""
    connection = HTTPConnection("127.0.0.1", int(port))
    headers = {"Host": f"{host}:{port}", "Origin": f"http://{host}:{port}", "Content-Type": "application/json"}
    with closing(connection):
        connection.request("POST", "/api/2.0/mlflow/experiments/search", '{"max_results": 1}', headers)
        return connection.getresponse().status


def test_servers_listen_on_this_machine_alone_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMIS_BIND", raising=False)
    assert {service.host for service in (PREFECT, MLFLOW, WORKER)} == {"127.0.0.1"}


@pytest.mark.parametrize("text", ["elsewhere", "203.0.113.7", "127.0.0.1; true"])
def test_an_address_that_is_not_this_machines_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_BIND", text)
    with pytest.raises(PortError, match=f"SMIS_BIND is '{text}', but that is no IPv4 address of this machine; 127"):
        _ = PREFECT.host


def test_a_password_that_clients_do_not_know_is_told_without_it(workspace: Workspace) -> None:
    done = workspace.run(UP, PREFECT_SERVER_API_AUTH_STRING="ada:countess")
    assert done.returncode == 2
    assert done.stderr.startswith("error: PREFECT_SERVER_API_AUTH_STRING and PREFECT_API_AUTH_STRING differ; set both")
    assert "countess" not in done.stdout + done.stderr
