"""MLflow's address and links, and its client with what cells and sweeps need of it; importing this is cheap."""

import fcntl
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from mlflow.entities import Run

DATABASE = Path("mlflow.db")
ARTIFACTS = Path("mlartifacts")
LOCAL_PAGE = "http://127.0.0.1:5000"
"""Where `make up` serves the pages of a local MLflow."""
STATE = Path(".scratch/tracking")
"""What this machine notes about MLflow; it may be deleted."""
_MAX_METRICS, _MAX_PARAMS = 900, 90
"""Per request; MLflow allows 1000 and 100."""
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


def database_folder(uri: str) -> Path:
    """Return the folder of a SQLite database (a sweep's trials share the workspace's), else the working folder."""
    return Path(uri.removeprefix("sqlite:///")).parent if uri.startswith("sqlite:///") else Path()


def run_link(uri: str, *, experiment: str, run: str) -> str:
    """Return the URL of a run's page."""
    return _page(uri, f"experiments/{experiment}/runs/{run}?workflowType=machine_learning")


def comparison_link(uri: str, *, experiments: Sequence[str], runs: Sequence[str]) -> str:
    """Return the URL of the page that compares runs: parallel coordinates, scatter plots, a table."""
    query = f"runs={quote(json.dumps(list(runs)))}&experiments={quote(json.dumps(list(experiments)))}"
    return _page(uri, f"compare-runs?{query}&workflowType=machine_learning")


def view_link(uri: str, *, experiment: str, key: str) -> str:
    """Return the URL of an experiment's runs in the shared view `key`."""
    return _page(uri, f"experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={key}")


def _page(uri: str, path: str) -> str:
    page = without_credentials(uri).rstrip("/") if uri.startswith("http") else LOCAL_PAGE
    return f"{page}/#/{path}"


def without_credentials(text: str) -> str:
    """Remove user and password from the URLs in a text: links are stored, and logs are shared."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


def warn(line: str) -> None:
    """Print a line on stderr."""
    print(f"tracking: {without_credentials(line)}", file=sys.stderr, flush=True)


def short_reason(error: BaseException) -> str:
    """Return the first line of an error, at most 160 characters."""
    line = without_credentials(str(error).strip().splitlines()[0]) if str(error).strip() else type(error).__name__
    return line if len(line) <= 160 else line[:157] + "..."


def failures() -> tuple[type[Exception], ...]:
    """Return the exceptions that MLflow raises if it is down, refuses a request or lost its disk."""
    from mlflow.exceptions import MlflowException

    return MlflowException, OSError


class MetricPoint(NamedTuple):
    """The values of some metrics at one step."""

    step: int
    time_ms: int
    values: Mapping[str, float]


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
        folder = database_folder(self.uri)
        with _locked(folder / STATE):
            experiment = self.api.get_experiment_by_name(name)
            if experiment is None:
                local = None if self.uri.startswith("http") else (folder / ARTIFACTS).absolute().as_uri()
                return self.api.create_experiment(name, artifact_location=local)
            if experiment.lifecycle_stage == "deleted":
                self.api.restore_experiment(experiment.experiment_id)
            return experiment.experiment_id

    def create_run(self, experiment: str, *, name: str, tags: Mapping[str, str]) -> str:
        """Create a run and return its id."""
        return self.api.create_run(experiment, run_name=name, tags=dict(tags)).info.run_id

    def active_run(self, run: str) -> "Run | None":
        """Return a run; None if it does not exist or was deleted."""
        from mlflow.exceptions import MlflowException

        try:
            known = self.api.get_run(run)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return known if known.info.lifecycle_stage == "active" else None

    def find_runs(self, experiment: str, *, tags: Mapping[str, str]) -> "list[Run]":
        """Return the runs that have all the tags, newest first."""
        query = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        runs: list[Run] = []
        token, more = None, True
        while more:
            page = self.api.search_runs([experiment], query, order_by=["start_time DESC"], page_token=token)
            runs += page
            token, more = page.token, bool(page.token)
        return runs

    def metric_steps(self, run: str, key: str) -> set[int]:
        """Return the steps at which a metric was logged."""
        return {metric.step for metric in self.api.get_metric_history(run, key)}

    def log_points(self, run: str, points: Iterable[MetricPoint]) -> None:
        """Log metrics; those of one point are sent together."""
        from mlflow.entities import Metric

        batch: list[Metric] = []
        for point in points:
            if len(batch) + len(point.values) > _MAX_METRICS:
                self.api.log_batch(run, metrics=batch)
                batch = []
            batch += [Metric(key, value, point.time_ms, point.step) for key, value in point.values.items()]
        if batch:
            self.api.log_batch(run, metrics=batch)

    def log_params(self, run: str, values: Mapping[str, str]) -> None:
        """Log parameters."""
        from mlflow.entities import Param

        params = [Param(key, value) for key, value in values.items()]
        for start in range(0, len(params), _MAX_PARAMS):
            self.api.log_batch(run, params=params[start : start + _MAX_PARAMS])

    def set_tags(self, run: str, values: Mapping[str, str]) -> None:
        """Set tags of a run."""
        from mlflow.entities import RunTag

        self.api.log_batch(run, tags=[RunTag(key, value) for key, value in values.items()])

    def log_image(self, run: str, path: Path, *, name: str, step: int) -> None:
        """Log an image of a step; MLflow's page shows them with a slider."""
        from PIL import Image

        with Image.open(path) as image:
            self.api.log_image(run, image.convert("RGB"), key=name, step=step)

    def image_steps(self, run: str) -> set[int]:
        """Return the steps at which an image was logged."""
        names = [entry.path for entry in self.api.list_artifacts(run, "images")]
        return {int(match[1]) for name in names if (match := re.search(r"[+%]step[+%](\d+)[+%]", name))}

    def download(self, run: str, name: str, folder: Path) -> Path | None:
        """Download an artifact of a run into a folder; None if the run does not have it."""
        if name not in {entry.path for entry in self.api.list_artifacts(run)}:
            return None
        return Path(self.api.download_artifacts(run, name, str(folder)))

    def log_dataset(self, run: str, *, name: str, md5: str) -> None:
        """Log the prepared data as the run's input, by DVC's hash."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(name=name, digest=md5, source_type="dvc", source=f'{{"path": "data/{name}"}}')
        self.api.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time create the database or an experiment."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
