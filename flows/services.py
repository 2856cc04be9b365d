"""The servers of `make up` and its worker: where they listen, how they start, when they are healthy."""

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
BIND_VARIABLE = "SMIS_BIND"
"""Another address for servers to listen on."""
NAME_VARIABLE = "SMIS_HOST"
"""The name by which others reach this machine: MLflow answers only to names that it knows."""
LOGS = Path(".scratch/services")
ADDRESS_FILE = LOGS / "prefect.address"
"""Holds the address of Prefect while this folder's `make up` runs: another's would run the flows in its own folder."""
START_TIMEOUT_S = 120.0
_CLIENT_VARIABLES = ("PREFECT_API_URL", "PREFECT_UI_API_URL", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID")
"""Addresses for clients. A server that sees them would send its page there."""


@dataclass(frozen=True)
class Service:
    """A server on this machine, for this machine only unless it is `public` and `$SMIS_BIND` is another address."""

    name: str
    title: str
    default_port: int
    health_path: str
    arguments: tuple[str, ...]
    public: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for those that are not set."""

    @property
    def port_variable(self) -> str:
        """Return the environment variable for another port."""
        return f"SMIS_{self.name.upper()}_PORT"

    @property
    def port(self) -> int:
        """Return the default port or the one in the environment.

        Raises:
            PortError: if that is no port.
        """
        text = os.environ.get(self.port_variable) or str(self.default_port)
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise PortError(f"{self.port_variable} is {text!r}, but a port is a number from 1 to 65535")
        return int(text)

    @property
    def host(self) -> str:
        """Return the address to listen on: 127.0.0.1 or, for a public service, `$SMIS_BIND`.

        Raises:
            PortError: if that is no address of this machine.
        """
        text = (os.environ.get(BIND_VARIABLE) if self.public else None) or HOST
        try:
            with socket.socket() as probe:
                probe.bind((str(IPv4Address(text)), 0))
        except (ValueError, OSError):
            raise PortError(
                f"{BIND_VARIABLE} is {text!r}, but that is no IPv4 address of this machine; "
                f"{HOST} is for this machine only, 0.0.0.0 for all that reach it"
            ) from None
        return text

    @property
    def address(self) -> str:
        """Return the page's address."""
        return f"http://{HOST if IPv4Address(self.host).is_unspecified else self.host}:{self.port}"

    @property
    def health(self) -> str:
        """Return the address that answers when the server is ready."""
        return self.address + self.health_path

    @property
    def log(self) -> Path:
        """Return the file that takes the server's output."""
        return LOGS / f"{self.name}.log"

    def start(self, clients: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start the server, its output in its log; `clients` holds the addresses of servers that it needs.

        Raises:
            PortError: if its port is taken.
        """
        self._check_port()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        env = {name: value for name, value in {**self.defaults, **os.environ}.items() if name not in _CLIENT_VARIABLES}
        env |= {**_mlflow_names(self.host), **self.environment, **(clients or {})}
        command = [sys.executable, "-m", *self.arguments, "--host", self.host, "--port", str(self.port)]
        with self.log.open("w") as log:
            return start(command, env=env, output=log)

    def wait(self, process: "subprocess.Popen[str]", *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until the server is healthy.

        Raises:
            ServiceError: if it exits or does not become healthy in time, with the last line of its log.
        """
        deadline = time.monotonic() + timeout_s
        while not is_healthy(self.health):
            self.check(process)
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.title} is not healthy after {timeout_s:.0f} s: {self._last_line()}")
            time.sleep(0.25)

    def check(self, process: "subprocess.Popen[str]") -> None:
        """Check that the server runs.

        Raises:
            ServiceError: if it has exited, with the last line of its log.
        """
        if process.poll() is not None:
            raise ServiceError(f"{self.title} ended with exit code {process.returncode}: {self._last_line()}")

    def _last_line(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return f"{(lines or ['nothing'])[-1]} (more in {self.log})"

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended does not count
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise PortError(
                    f"port {self.port} for {self.title} cannot be had: {reason}; end what listens there, "
                    f"or choose another with {self.port_variable}=..."
                ) from None


PREFECT = Service(
    name="prefect",
    title="Prefect",
    default_port=4200,
    health_path="/api/health",
    arguments=("prefect", "server", "start", "--analytics-off"),
    public=True,
    environment={  # the page asks its own origin; by default it asks port 4200, whatever the server's
        "PREFECT_SERVER_UI_API_URL": "/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # on disk: slots of concurrency limits whose leases a restart forgets are never free again
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    },
    # one database for each clone: with one in the home folder, the worker of one clone would run another's flows
    defaults={"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{LOGS / 'prefect.db'}"},
)
MLFLOW = Service(
    name="mlflow",
    title="MLflow",
    default_port=5000,
    health_path="/health",
    arguments=(
        *("mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./mlartifacts"),
        *("--workers", "1"),
    ),
    public=True,
    environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
)
WORKER = Service(
    name="worker",
    title="Worker",
    default_port=4201,
    health_path="/health",
    arguments=("flows.worker", "--queue", "default"),
)


def is_healthy(address: str) -> bool:
    """Say whether a server answers at its health address."""
    with suppress(OSError, HTTPException), urllib.request.urlopen(address, timeout=2) as answer:
        return answer.status == 200
    return False


def _mlflow_names(host: str) -> dict[str, str]:
    """Return the names to which MLflow's server answers, and the origins from which its page may call it."""
    names = ["localhost", HOST, host, *filter(None, [os.environ.get(NAME_VARIABLE)])]
    hosts = [f"{name}:*" for name in dict.fromkeys(names)]
    origins = [f"http://{name}" for name in hosts]
    return {"MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts), "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins)}
