"""The servers of `make up`, and its worker: where they listen, how they start, when they are healthy."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from ipaddress import IPv4Address
from pathlib import Path

from flows.exceptions import PortError, ServiceError
from flows.processes import start

HOST = "127.0.0.1"
BIND = "SMIS_BIND"
"""The environment variable in which another address may stand for servers to listen on."""
NAME = "SMIS_HOST"
"""The one with the name by which others reach this machine: MLflow answers to no name that it was not told."""
LOGS = Path(".scratch/services")
ADDRESS_FILE = LOGS / "prefect.address"
"""Where Prefect's server is, while this folder's `make up` runs: another's would run the flows in another folder."""
START_S = 120.0


@dataclass(frozen=True)
class Service:
    """A server on this machine, for this machine only unless `$SMIS_BIND` is its `bind` and says otherwise."""

    name: str
    title: str
    port: int
    variable: str
    """The environment variable in which another port may stand."""
    health_path: str
    arguments: tuple[str, ...]
    bind: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    """What holds where the environment says nothing else."""

    @property
    def address(self) -> str:
        """Return the page's address."""
        host = chosen_host(self)
        return f"http://{HOST if IPv4Address(host).is_unspecified else host}:{chosen_port(self)}"

    @property
    def health(self) -> str:
        """Return the address that answers when the server is ready."""
        return self.address + self.health_path

    @property
    def log(self) -> Path:
        """Return the file that takes the server's output."""
        return LOGS / f"{self.name}.log"

    def start(self, clients: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start the server, its output in its log; `clients` says where it finds other servers, if it needs them.

        Raises:
            PortError: if somebody else has its port.
        """
        host, port = chosen_host(self), chosen_port(self)
        _check_free(self, host, port)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        env = {name: value for name, value in {**self.defaults, **os.environ}.items() if name not in _CLIENTS}
        env |= {**_names(host), **self.environment, **(clients or {})}
        with self.log.open("w") as log:
            return start(
                [sys.executable, "-m", *self.arguments, "--host", host, "--port", str(port)], env=env, output=log
            )

    def wait(self, process: "subprocess.Popen[str]", *, timeout_s: float = START_S) -> None:
        """Wait until the server is healthy.

        Raises:
            ServiceError: if it ended or did not become healthy in time; with its last words.
        """
        deadline = time.monotonic() + timeout_s
        while not is_healthy(self.health):
            if process.poll() is not None:
                raise self.failure(process.returncode)
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.title} is not healthy after {timeout_s:.0f} s: {self.last_log_line()}")
            time.sleep(0.25)

    def failure(self, exit_code: int) -> ServiceError:
        """Say that the server has exited, with its last line."""
        return ServiceError(f"{self.title} ended with exit code {exit_code}: {self.last_log_line()}")

    def last_log_line(self) -> str:
        """Return the last line of the log, and where the rest is."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return f"{(lines or ['nothing'])[-1]} (more in {self.log})"


_CLIENTS = ("PREFECT_API_URL", "PREFECT_UI_API_URL", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID")
"""Where clients should go. A server that sees them would send its page there."""

PREFECT = Service(
    name="prefect",
    title="Prefect",
    port=4200,
    variable="SMIS_PREFECT_PORT",
    health_path="/api/health",
    arguments=("prefect", "server", "start", "--analytics-off"),
    bind=BIND,
    environment={  # the page asks where it came from; by itself it would ask port 4200, whatever the server's
        "PREFECT_SERVER_UI_API_URL": "/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    },
    # a clone's own, in its folder: in a person's home, the worker of one clone would run what another was asked for
    defaults={"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{LOGS / 'prefect.db'}"},
)
MLFLOW = Service(
    name="mlflow",
    title="MLflow",
    port=5000,
    variable="SMIS_MLFLOW_PORT",
    health_path="/health",
    arguments=(
        *("mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./mlartifacts"),
        *("--workers", "1"),
    ),
    bind=BIND,
    environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
)
WORKER = Service(
    name="worker",
    title="Worker",
    port=4201,
    variable="SMIS_WORKER_PORT",
    health_path="/health",
    arguments=("flows.worker", "--queue", "default"),
)
SERVERS = (PREFECT, MLFLOW)


def chosen_port(service: Service) -> int:
    """Return the service's port: its own, or the one in its environment variable.

    Raises:
        PortError: if that is no port.
    """
    text = os.environ.get(service.variable) or str(service.port)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise PortError(f"{service.variable} is {text!r}, but a port is a number from 1 to 65535")
    return int(text)


def chosen_host(service: Service) -> str:
    """Return the address that the service listens on: this machine's own, or the one in its environment variable.

    Raises:
        PortError: if that is no address of this machine.
    """
    text = os.environ.get(service.bind) or HOST
    try:
        with socket.socket() as probe:
            probe.bind((str(IPv4Address(text)), 0))
    except (ValueError, OSError):
        raise PortError(
            f"{service.bind} is {text!r}, but that is no IPv4 address of this machine; "
            f"{HOST} is for this machine only, 0.0.0.0 for all that reach it"
        ) from None
    return text


def is_healthy(address: str) -> bool:
    """Say whether a server answers there."""
    with suppress(OSError, HTTPException), urllib.request.urlopen(address, timeout=2) as answer:
        return answer.status == 200
    return False


def _names(host: str) -> dict[str, str]:
    """Return what tells MLflow's server by which names it is called, and where its page's requests come from."""
    names = ["localhost", HOST, host, *filter(None, [os.environ.get(NAME)])]
    called = [f"{name}:*" for name in dict.fromkeys(names)]
    pages = [f"http://{name}" for name in called]
    return {"MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(called), "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(pages)}


def _check_free(service: Service, host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that just ended is no hindrance
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PortError(
                f"port {port} for {service.title} cannot be had: {reason}; end what listens there, "
                f"or choose another with {service.variable}=..."
            ) from None
