"""One workspace for each test, one Prefect server for the session, all away from anyone's home."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import empty_databases
from tests.flows.workspaces import Workspace, answers, end, wait_for
from tests.servers import free_port


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PREFECT_HOME whose database is made once."""
    folder = tmp_path_factory.mktemp("prefect")
    shutil.copy(empty_databases.prefect(tmp_path_factory), folder)
    return folder


@pytest.fixture
def workspace(tmp_path: Path, home: Path) -> Iterator[Workspace]:
    made = Workspace(tmp_path, home=home)
    yield made
    made.end()


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[str]:
    """The API of a real Prefect server."""
    port = free_port()
    env = os.environ | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "true"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, text=True)
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/api/health"))
        yield f"http://127.0.0.1:{port}/api"
    finally:
        end(process)
