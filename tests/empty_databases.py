"""Empty databases of Prefect and MLflow: to make their tables takes seconds, so a test run makes each once."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def prefect(factory: pytest.TempPathFactory) -> Path:
    return _made_once(factory, "prefect.db", _upgrade)


def mlflow(factory: pytest.TempPathFactory) -> Path:
    return _made_once(factory, "mlflow.db", _search)


def _upgrade(path: Path) -> None:
    where = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{path}", "PREFECT_HOME": str(path.parent)}
    _python("-m", "prefect", "server", "database", "upgrade", "--yes", **where)


def _search(path: Path) -> None:
    _python("-c", f"from mlflow import MlflowClient; MlflowClient('sqlite:///{path}').search_experiments()")


def _python(*words: str, **environment: str) -> None:
    subprocess.run([sys.executable, *words], env=os.environ | environment, check=True, capture_output=True)


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a file that one process makes, in the folder that lies above those of all processes, while others wait."""
    base = factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    path, part = folder / name, folder / f"part-{name}"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make(part)
            part.rename(path)
    return path
