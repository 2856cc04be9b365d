"""A workspace with the files of one cell, and real MLflow stores: a SQLite file, and one server for the session."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests import empty_databases
from tests.servers import free_port

STEPS = (10, 20, 30)
PARAMETERS = {"seed": "0", "train.steps": "30", "system.width": "8"}


def write_cell(system: str = "groupdnet", *, dataset: str = "paperdoll", seed: int = 0, mocd: float = 0.15) -> None:
    """Write the files of a finished cell into the working folder, without training anything."""
    folder = Path("runs", dataset, system, f"seed-{seed}")
    (folder / "grids").mkdir(parents=True)
    (folder / "tables").mkdir()
    (folder / "checkpoint.safetensors").write_bytes(f"weights of {system}, seed {seed}".encode())
    lines = [json.dumps({"step": step, "GAN": 1.0 / step, "D_Fake": 0.5}) for step in STEPS]
    (folder / "history.jsonl").write_text("\n".join(lines) + "\n")
    for step in (10, 30):
        Image.fromarray(np.full((8, 8, 3), step, np.uint8)).save(folder / "grids" / f"step-{step:06d}.png")
    pq.write_table(pa.table({"key": ["a", "b"], "mOCD": [0.1, 0.2]}), folder / "tables" / "diversity.parquet")
    Image.new("RGB", (4, 4)).save(folder / "tables" / "classes.png")
    write_metrics(system, dataset=dataset, seed=seed, mocd=mocd)


def write_metrics(system: str, *, dataset: str = "paperdoll", seed: int = 0, mocd: float) -> None:
    path = Path("metrics", dataset, system, f"seed-{seed}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    protocol = {"network": "stlpips_alex", "device": "cpu"}
    path.write_text(json.dumps({"mOCD": {"value": mocd, "interval": [mocd - 0.05, mocd + 0.05], "protocol": protocol}}))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder whose cells depend on PARAMETERS, tracked in a SQLite file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("SMIS_TRACKING", raising=False)
    monkeypatch.setattr(
        "pipelines.tracking.cell_outputs.CellOutputs.parameters", lambda cell: {**PARAMETERS, "seed": str(cell.seed)}
    )
    monkeypatch.setattr("pipelines.tracking.live_run.SEND_INTERVAL_S", 0.1)
    monkeypatch.setattr("pipelines.tracking.live_run.RETRY_INTERVAL_S", 0.2)
    return tmp_path


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_databases.mlflow(tmp_path_factory)


@pytest.fixture
def database(workspace: Path, empty_database: Path) -> str:
    """A SQLite store that has seen nothing, where the default looks for it."""
    shutil.copy(empty_database, workspace / "mlflow.db")
    return f"sqlite:///{workspace / 'mlflow.db'}"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[int]:
    """A real `mlflow server`; gives its port."""
    folder = tmp_path_factory.mktemp("mlflow-server")
    shutil.copy(empty_database, folder / "mlflow.db")
    port = free_port()
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "artifacts"]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words],
            cwd=folder,
            env={**os.environ, **quiet},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(lambda: answers(port), seconds=120, what=f"mlflow server ({folder / 'log'})")
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Door:
    """An address that leads to the server while it is open, and where nobody answers while it is shut."""

    def __init__(self, server: int) -> None:
        self._server = server
        self.port = free_port()
        self._listener: socket.socket | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        if self._listener is not None:
            # A thread that waits in accept() would keep the port open after a mere close().
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._server)) as beyond:
            back = threading.Thread(target=_copy, args=(beyond, client), daemon=True)
            back.start()
            _copy(client, beyond)
            back.join()


@pytest.fixture
def door(workspace: Path, server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The way to the server, shut at first; the tracking URI points at it."""
    door = Door(server)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", door.uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    yield door
    door.shut()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
            return True
    except (URLError, OSError):
        return False


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come in {seconds} s"
        time.sleep(0.1)
