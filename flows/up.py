"""`python -m flows.up` (`make up`): Prefect's and MLflow's pages and a worker on this machine, until Ctrl-C."""

import argparse
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import Popen

from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_PROFILES_PATH,
    PREFECT_SERVER_API_AUTH_STRING,
)

from flows.artifacts import LINK, sync_tracking
from flows.command import ADDRESS_FILE, exit_on_error, interrupt, is_healthy
from flows.deployments import register
from flows.exceptions import FlowError
from flows.processes import ChildProcesses, start, terminate
from flows.worker import HOST

BIND_VARIABLE = "SMIS_BIND"
"""Another address for servers to listen on."""
NAME_VARIABLE = "SMIS_HOST"
"""The name by which others reach this machine: MLflow answers only to names that it knows."""
LOGS = ADDRESS_FILE.parent
START_TIMEOUT_S = 120.0
_CLIENT_VARIABLES = (
    *("PREFECT_API_URL", "PREFECT_UI_API_URL", "PREFECT_SERVER_UI_API_URL"),
    *("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"),
)
"""Addresses for clients. A server that sees them would send its page there."""
_PASSWORDS = f"{PREFECT_SERVER_API_AUTH_STRING.name} and {PREFECT_API_AUTH_STRING.name}"


@dataclass(frozen=True, eq=False)
class Service:
    """A server on this machine, for this machine only unless it is `public` and `$SMIS_BIND` is another address."""

    title: str
    default_port: int
    arguments: tuple[str, ...]
    health_path: str = "/health"
    public: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for those that are not set."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Variables whatever else is set."""

    @property
    def port_variable(self) -> str:
        """Return the environment variable for another port."""
        return f"SMIS_{self.title.upper()}_PORT"

    @property
    def port(self) -> int:
        """Return the default port or the one in the environment."""
        text = os.environ.get(self.port_variable) or str(self.default_port)
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise FlowError(f"{self.port_variable} is {text!r}, but a port is a number from 1 to 65535")
        return int(text)

    @property
    def host(self) -> str:
        """Return the address to listen on: 127.0.0.1 or, for a public service, `$SMIS_BIND`."""
        text = (os.environ.get(BIND_VARIABLE) if self.public else None) or HOST
        try:
            _bind(str(IPv4Address(text)), port=0)
        except (ValueError, OSError):
            raise FlowError(
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

    def start(self, clients: Mapping[str, str] | None = None) -> "Popen[str]":
        """Start the server, its output in its log; `clients` holds the addresses of servers that it needs.

        Raises:
            FlowError: if its port is taken.
        """
        try:
            _bind(self.host, self.port)
        except OSError as error:
            raise FlowError(
                f"port {self.port} for {self.title} cannot be had: {(error.strerror or str(error)).lower()}; "
                f"end what listens there, or choose another with {self.port_variable}=..."
            ) from None
        env = {name: value for name, value in os.environ.items() if name not in _CLIENT_VARIABLES}
        env = {**self.environment, **env, **self.own, **_mlflow_names(self.host), **(clients or {})}
        command = [sys.executable, "-m", *self.arguments, "--host", self.host, "--port", str(self.port)]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w", encoding="utf-8") as log:
            return start(command, env=env, output=log)

    def wait(self, process: "Popen[str]", *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until the server is healthy.

        Raises:
            FlowError: if it exits or does not become healthy in time, with the last line of its log.
        """
        print(f"{self.title} is starting ...", flush=True)
        deadline = time.monotonic() + timeout_s
        while not is_healthy(self.health):
            self.check(process)
            if time.monotonic() > deadline:
                raise FlowError(f"{self.title} is not healthy after {timeout_s:.0f} s: {self._last_line()}")
            time.sleep(0.25)

    def check(self, process: "Popen[str]") -> None:
        """Raise a FlowError with the last line of its log if the server has exited."""
        if process.poll() is not None:
            raise FlowError(f"{self.title} ended with exit code {process.returncode}: {self._last_line()}")

    @property
    def _log(self) -> Path:
        return LOGS / f"{self.title.lower()}.log"

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace", encoding="utf-8").strip().splitlines() or ["nothing"]
        return f"{lines[-1].strip()} (more in {self._log})"


PREFECT = Service(
    title="Prefect",
    default_port=4200,
    arguments=("prefect", "server", "start", "--analytics-off"),
    health_path="/api/health",
    environment={
        "PREFECT_SERVER_UI_API_URL": "/api",  # the page's own origin; by default it asks port 4200
        # on disk: slots of concurrency limits whose leases a restart forgets are never free again
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_PROFILES_PATH": str(PREFECT_PROFILES_PATH.value()),
    },
    # database and leases of each clone: with those in the home folder, the worker of one would run another's flows
    own={"PREFECT_HOME": str(LOGS)},
)
MLFLOW = Service(
    title="MLflow",
    default_port=5000,
    arguments=(
        *("mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./mlartifacts"),
        *("--workers", "1"),
    ),
    environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
)
WORKER = Service("Worker", default_port=4201, arguments=("flows.worker", "--queue", "default"), public=False)


def _bind(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended does not count
        probe.bind((host, port))


def _mlflow_names(host: str) -> dict[str, str]:
    """Return the names to which MLflow's server answers, and the origins from which its page may call it."""
    names = ["localhost", HOST, host, *filter(None, [os.environ.get(NAME_VARIABLE)])]
    hosts = [f"{name}:*" for name in dict.fromkeys(names)]
    origins = [f"http://{name}" for name in hosts]
    return {"MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts), "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the services, print their addresses, end them together. Exit code 2 if one cannot start or exits."""
    argparse.ArgumentParser(prog="python -m flows.up", description=main.__doc__).parse_args(arguments)
    started: dict[Service, Popen[str]] = {}
    with exit_on_error():
        signal.signal(signal.SIGINT, interrupt)  # a shell starts background processes with SIGINT ignored
        try:
            _start(started)
            while True:
                for service, process in started.items():
                    service.check(process)
                time.sleep(0.5)
        except KeyboardInterrupt:
            print("\nending the services", flush=True)
        finally:
            if started:
                ADDRESS_FILE.unlink(missing_ok=True)
            terminate([process.pid for process in started.values()])


def _start(started: dict[Service, "Popen[str]"]) -> None:
    _check_access(PREFECT.host)
    for service in (PREFECT, MLFLOW):
        started[service] = service.start()
    for service, process in started.items():
        service.wait(process)
    ADDRESS_FILE.write_text(PREFECT.address, encoding="utf-8")
    api = f"{PREFECT.address}/api"
    register(api)
    clients = {PREFECT_API_URL.name: api, "MLFLOW_TRACKING_URI": MLFLOW.address}
    started[WORKER] = WORKER.start(clients)
    WORKER.wait(started[WORKER])
    print(f"Prefect  {PREFECT.address}   start experiments and sweeps at {PREFECT.address}/deployments")
    print("\n".join(_mlflow_pages()))
    print(f"Worker   {WORKER.health}   runs in this folder what is started on Prefect's page")
    print("\nTo use them from another terminal:")
    for name, address in clients.items():
        print(f"  export {name}={address}")
    print("Ctrl-C ends all three.", flush=True)


def _mlflow_pages() -> list[str]:
    """Return lines with the pages that compare the cells of this folder; before `make repro`, the list of experiments.

    MLflow's own first page is about language models.
    """
    links: list[tuple[str, str]] = []
    if not os.environ.get("MLFLOW_TRACKING_URI"):  # else the cells are in another MLflow
        printed = sync_tracking(ChildProcesses(), on_line=lambda line: None)
        found = [(match[1], match[2]) for line in printed if (match := LINK.match(line))]
        links = [(title, page) for title, page in found if "/" not in title]  # not of single cells
    if not links:
        page = f"{MLFLOW.address}/#/experiments?workflowType=machine_learning"
        return [f"MLflow   {page}   `make repro` and `make up` print where its cells are compared"]
    published = f"http://{HOST}:{MLFLOW.default_port}/"
    return [f"MLflow   {page.replace(published, f'{MLFLOW.address}/', 1)}   {title}" for title, page in links]


def _check_access(host: str) -> None:
    """Check the password, and say what others may do where they reach the servers."""
    password = PREFECT_SERVER_API_AUTH_STRING.value()
    if password and password != PREFECT_API_AUTH_STRING.value():
        raise FlowError(f"{_PASSWORDS} differ; set both to the same user:password")
    if IPv4Address(host).is_loopback:
        return
    lines = [f"warning: {BIND_VARIABLE} is {host}, so that other machines reach the servers, unencrypted"]
    if not password:
        lines.append(f"Prefect runs code here for all of them; set {_PASSWORDS} to the same user:password")
    lines.append("MLflow lets all of them read and delete; put a proxy before it, or run it with --app-name basic-auth")
    lines.append('how: docs/servers.md, "Beyond this machine"')
    print("\n  ".join(lines), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
