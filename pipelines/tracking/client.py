"""MLflow's address, pages and warnings, and its client with what cells and sweeps need of it; cheap to import."""

import fcntl
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from mlflow.entities import Run

DATABASE = Path("mlflow.db")
ARTIFACTS = Path("mlartifacts")
LOCAL_PAGE = "http://127.0.0.1:5000"
"""Where `make up` serves the pages of a local MLflow."""
STATE = Path(".scratch/tracking")
"""What this machine notes about MLflow; it may be deleted."""
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
"""Environment variables of MLflow: no messages, and no minutes of retries at the end of a training."""


def disabled() -> bool:
    """Whether `SMIS_TRACKING=off`."""
    return os.environ.get("SMIS_TRACKING", "").lower() == "off"


def tracking_uri() -> str:
    """Return `$MLFLOW_TRACKING_URI`, by default a SQLite file in the workspace."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{DATABASE.absolute()}"


def database_file(uri: str) -> Path | None:
    """Return the SQLite file of an address (a sweep's trials share the workspace's); None for a server."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def page(uri: str, path: str, **query: str) -> str:
    """Return the URL of one of MLflow's pages, such as `experiments/1/runs/2`."""
    base = without_credentials(uri).rstrip("/") if uri.startswith("http") else LOCAL_PAGE
    return f"{base}/#/{path}?{urlencode({'workflowType': 'machine_learning', **query}, quote_via=quote)}"


def without_credentials(text: str) -> str:
    """Remove user and password from the URLs in a text: links are stored, and logs are shared."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


def warn(line: str) -> None:
    """Print a line on stderr."""
    print(f"tracking: {without_credentials(line)}", file=sys.stderr, flush=True)


def warn_of_failure(error: BaseException, consequence: str) -> None:
    """Print that MLflow does not answer, with at most 160 characters of the error, and what follows from it."""
    line = without_credentials((str(error).strip() or type(error).__name__).splitlines()[0])
    reason = line if len(line) <= 160 else line[:157] + "..."
    warn(f"MLflow does not answer at {tracking_uri()} ({reason}); {consequence}")


def failures() -> tuple[type[Exception], ...]:
    """Return the exceptions that MLflow raises if it is down, refuses a request or lost its disk."""
    from mlflow.exceptions import MlflowException

    return MlflowException, OSError


class TrackingClient:
    """MlflowClient (as `api`) for tracking and registry, and calls composed of its; all may raise `failures()`."""

    def __init__(self, uri: str) -> None:
        for name, value in _DEFAULTS.items():
            os.environ.setdefault(name, value)
        import mlflow

        self.uri = uri
        self.api = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, which is created or restored if needed."""
        folder = (database_file(self.uri) or Path()).parent
        with _locked(folder / STATE):
            experiment = self.api.get_experiment_by_name(name)
            if experiment is None:
                local = None if self.uri.startswith("http") else (folder / ARTIFACTS).absolute().as_uri()
                return self.api.create_experiment(name, artifact_location=local)
            if experiment.lifecycle_stage == "deleted":
                self.api.restore_experiment(experiment.experiment_id)
            return experiment.experiment_id

    def find_runs(self, experiment: str, *, tags: Mapping[str, str] = {}, run: str | None = None) -> "list[Run]":
        """Return the runs with all these tags and this id that are not deleted, newest first."""
        conditions = {f"tags.`{name}`": value for name, value in tags.items()}
        conditions |= {} if run is None else {"attributes.run_id": run}
        query = " and ".join(f"{name} = '{value}'" for name, value in conditions.items())
        runs: list[Run] = []
        token, more = None, True
        while more:
            page = self.api.search_runs([experiment], query, order_by=["start_time DESC"], page_token=token)
            runs += page
            token, more = page.token, bool(page.token)
        return runs

    def download(self, run: str, name: str, folder: Path) -> Path | None:
        """Download an artifact of a run into a folder; None if the run does not have it."""
        if name not in {entry.path for entry in self.api.list_artifacts(run)}:
            return None
        return Path(self.api.download_artifacts(run, name, str(folder)))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time create the database or an experiment."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
