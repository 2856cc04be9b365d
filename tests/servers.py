"""Real servers for tests, on free ports of this machine."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from smis.core import s3

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
_QUIET = ("-master.telemetry=false", "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0")


@dataclass
class S3:
    """SeaweedFS over a folder; what lies there outlives it."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(5)])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports[-1]}"

    @property
    def _log(self) -> Path:
        return self.folder / "weed.log"

    @property
    def environment(self) -> dict[str, str]:
        """What tells boto3, DVC and MLflow where it is."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.address, "MLFLOW_S3_ENDPOINT_URL": self.address}

    def start(self) -> None:
        """Start it, and wait until it takes orders."""
        self.folder.mkdir(parents=True, exist_ok=True)
        user = {"name": "test", "credentials": [{"accessKey": "key", "secretKey": "secret"}], "actions": ["Admin"]}
        (self.folder / "s3.json").write_text(json.dumps({"identities": [user]}))
        names = ("-master.port", "-volume.port", "-filer.port", "-admin.port", "-s3.port")
        weed = shutil.which("weed") or str(Path(sys.executable).with_name("weed"))
        command = [weed, "mini", f"-dir={self.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *_QUIET]
        command += [f"{name}={port}" for name, port in zip(names, self.ports, strict=True)]
        command += [f"-s3.config={self.folder / 's3.json'}"]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + 90
        while not self._answers():
            assert self.process.poll() is None, f"weed ended: {self._log.read_text()[-2000:]}"
            assert time.monotonic() < until, f"weed does not answer: {self._log.read_text()[-2000:]}"
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                client.list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Give a client that asks once."""
        once = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=self.address, config=once, **keys)
        yield client
        client.close()

    def kill(self) -> None:
        """End it without a word."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)


@contextmanager
def reached(server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Meanwhile, let this process find the server as a person's does, and leave no connection open."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    s3._client.cache_clear()
    yield
    s3.client().close()
    s3._client.cache_clear()


def free_port() -> int:
    """Find a port that is free, as is the one 10000 above it, which SeaweedFS takes for gRPC.

    Both lie below the ports that the system gives to outgoing connections: one of those may be taken between the
    look and the start of the server that it is for.
    """
    while True:
        port = 10000 + secrets.randbelow(10000)  # not `random`, which has one seed in all processes of the tests
        with socket.socket() as one, socket.socket() as other, suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10000))
            return port
