"""docker/compose.yaml without Docker: the same commands and environments, as processes of this machine."""

import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from flows.processes import terminate
from tests.servers import free_port
from tests.services import postgresql

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
PORTS = {"postgres": 5432, "s3": 8333, "prefect": 4200, "mlflow": 5000, "worker": 4201}
OPTIONAL = ("SMIS_DEVICES", "SMIS_MACHINE")
"""What the example leaves empty and may stay so."""
VARIABLE = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[-?])(?P<rest>[^}]*)\}")


def example() -> dict[str, str]:
    """Read docker/.env.example: what a person finds there."""
    return dict(re.findall(r"^(\w+)=(.*)$", (DOCKER / ".env.example").read_text(), re.MULTILINE))


def parsed(variables: Mapping[str, str]) -> dict[str, Any]:
    """Read compose.yaml as Docker does with these variables."""

    def value(found: "re.Match[str]") -> str:
        given = variables.get(found["name"])
        assert given or found["kind"] == "-", f"{found['name']} {found['rest']}"
        return given or found["rest"]

    return yaml.safe_load(VARIABLE.sub(value, (DOCKER / "compose.yaml").read_text()))


class Stack:
    """The services of compose.yaml in a folder of their own, on free ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {name: value or secrets.token_hex(24) for name, value in example().items()}
        self.variables |= dict.fromkeys(OPTIONAL, "")
        self.ports = {name: free_port() for name in PORTS}
        self._config = parsed(self.variables)
        self.services: dict[str, Any] = self._config["services"]
        self.processes: dict[str, subprocess.Popen[str]] = {}

    @property
    def dvc_config(self) -> str:
        """Return the workers' `.dvc/config.local`."""
        return self._config["configs"]["dvc"]["content"]

    @cached_property
    def _programs(self) -> str:
        folders = [Path(sys.executable).parent, postgresql.programs(self.folder)]
        return os.pathsep.join([*map(str, folders), os.defpath])

    def _here(self, text: str) -> str:
        """Say it with this machine's addresses."""
        for name, port in PORTS.items():
            text = re.sub(rf"\b({name}|127\.0\.0\.1):{port}\b", f"127.0.0.1:{self.ports[name]}", text)
        return text.replace("0.0.0.0", "127.0.0.1").replace("/home/smis/s3", str(self.folder / "s3"))

    def environment(self, service: str) -> dict[str, str]:
        """Return what the service's container has, with this machine's addresses, and nothing of ours."""
        given = self.services[service]["environment"].items()
        env = {"PATH": self._programs, "HOME": str(self.folder), "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "true"}
        return env | {name: self._here(value) for name, value in given if value is not None}

    def start(self, service: str, *arguments: str, **more: str) -> None:
        """Start a service with its own command, and wait until its own health check is content."""
        command = [*map(self._here, self.services[service]["command"]), *arguments]
        env = self.environment(service) | more
        with self._log(service).open("w") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=env, stdout=log, stderr=log, text=True)
        self.processes[service] = process
        self._wait(service)

    def start_postgres(self) -> None:
        """Do what the image's entry point does: a cluster with passwords, the server, our script once."""
        data, port, env = self.folder / "postgres", self.ports["postgres"], self.environment("postgres")
        postgresql.make_cluster(data, env)
        self.processes["postgres"] = postgresql.serve(data, port=port, env=env, log=self._log("postgres"))
        self._wait("postgres")
        script = ["sh", str(DOCKER / "postgres/databases.sh")]
        subprocess.run(script, env=env | {"PGHOST": str(data), "PGPORT": str(port)}, check=True)

    def start_s3(self) -> None:
        """Start S3, and make the buckets."""
        (self.folder / "s3").mkdir()
        inner = [f"-{name}.port={free_port()}" for name in ("master", "volume", "filer", "admin")]
        self.start("s3", f"-s3.port={self.ports['s3']}", *inner)
        self.run("buckets", *self.services["buckets"]["command"])

    def _wait(self, service: str) -> None:
        _, *words = self.services[service]["healthcheck"]["test"]
        check, env = list(map(self._here, words)), self.environment(service)
        until = time.monotonic() + 90
        while subprocess.run(check, env=env, capture_output=True, check=False).returncode:
            told = self._log(service).read_text()[-2000:]
            assert self.processes[service].poll() is None, f"{service} ended: {told}"
            assert time.monotonic() < until, f"{service} is not healthy: {told}"
            time.sleep(0.2)

    def _log(self, service: str) -> Path:
        return self.folder / f"{service}.log"

    def run(self, service: str, *command: str, cwd: Path | None = None) -> str:
        """Run a command to its end, as in the service's container; return what it printed."""
        env, at = self.environment(service), cwd or self.folder
        done = subprocess.run(command, cwd=at, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def end(self) -> None:
        """End all with what they have started, and PostgreSQL last: without clients it leaves no shared memory."""
        ours = [process.pid for name, process in self.processes.items() if name != "postgres"]
        terminate(ours, grace_s=2)
        terminate([process.pid for process in self.processes.values()])
        for process in self.processes.values():
            process.wait(30)


@contextmanager
def servers() -> Iterator[Stack]:
    """Start them in the order of `depends_on`, in a folder that others reach: pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="smis-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        stack = Stack(Path(folder))
        try:
            stack.start_postgres()
            stack.start_s3()
            stack.start("prefect", PREFECT_SERVER_API_PORT=str(stack.ports["prefect"]))
            stack.start("mlflow", MLFLOW_PORT=str(stack.ports["mlflow"]))
            yield stack
        finally:
            stack.end()
