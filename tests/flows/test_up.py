"""`python -m flows.up`: both servers and a worker, healthy, and none left."""

import signal
import socket

import psutil
import pytest

from flows.errors import PortError
from flows.services import PREFECT, chosen_port
from tests.flows.api import ask
from tests.flows.workspaces import Workspace, answers, wait_for

UP = "flows.up"


def test_both_servers_and_a_worker_come_up_and_ctrl_c_ends_all(workspace: Workspace) -> None:
    process = workspace.start(UP)
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
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=15) == 0
    assert [one for one in below if one.is_running()] == []


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
        chosen_port(PREFECT)
