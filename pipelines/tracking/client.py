"""MLflow as cells and sweeps use it: its address, client and runs, and what has reached a run. Cheap to import."""

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self
from urllib.parse import quote, urlencode
from urllib.request import urlopen

from filelock import FileLock
from pydantic import AfterValidator, BaseModel, ConfigDict

from pipelines.tracking.cell_outputs import CellOutputs
from pipelines.tracking.server_address import database_file, shown_uri, tracking_uri, without_credentials
from smis.core.files import written

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

ARTIFACTS = Path("mlartifacts")
LOCAL_PAGE = "http://127.0.0.1:5000"
"""Where `make up` serves the pages of a local MLflow."""
STATE = Path(".scratch/tracking")
"""What this machine notes about MLflow; it may be deleted."""
SYSTEM_PREFIX = "system/"
_TIMEOUT_S = 5
_PSYCOPG, _CONNECT = ("postgresql:", "postgresql+psycopg"), {"connect_timeout": _TIMEOUT_S}
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
"""Environment variables of MLflow: no messages, and no minutes of retries at the end of a training."""
for _name, _value in _DEFAULTS.items():  # before the first import of mlflow
    os.environ.setdefault(_name, _value)


def disabled() -> bool:
    """Whether `SMIS_TRACKING=off`."""
    return os.environ.get("SMIS_TRACKING", "").lower() == "off"


def page(uri: str, path: str, **query: str) -> str:
    """Return the URL of one of MLflow's pages, such as `experiments/1/runs/2`.

    The comparison page reads `runs` only if it comes first.
    """
    base = without_credentials(uri).rstrip("/") if uri.startswith("http") else LOCAL_PAGE
    kind = {"workflowType": "machine_learning"}
    return f"{base}/#/{path}?{urlencode(query | kind if 'runs' in query else kind | query, quote_via=quote)}"


def warn(line: str) -> None:
    """Print a line on stderr."""
    print(f"tracking: {without_credentials(line)}", file=sys.stderr, flush=True)


def warn_of_failure(error: BaseException, consequence: str) -> None:
    """Print that MLflow does not answer, with at most 160 characters of the error, and what follows from it."""
    line = without_credentials((str(error).strip() or type(error).__name__).splitlines()[0])
    reason = line if len(line) <= 160 else line[:157] + "..."
    warn(f"MLflow does not answer at {shown_uri()} ({reason}); {consequence}")


@contextmanager
def tolerated(consequence: str) -> Iterator[None]:
    """Print one line if MLflow is down, refuses a request or lost its disk."""
    try:
        yield
    except Exception as error:
        from alembic.util import CommandError
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        if not isinstance(error, MlflowException | SQLAlchemyError | CommandError | OSError):
            raise
        warn_of_failure(error, consequence)


class TrackingClient:
    """MlflowClient (as `api`) and calls composed of its; their failures are those that `tolerated` catches."""

    def __init__(self) -> None:
        import mlflow

        self.address = tracking_uri()
        """With its password, for MLflow alone."""
        self.uri = shown_uri()
        _require_database(self.address)
        self.api = mlflow.MlflowClient(tracking_uri=self.address, registry_uri=self.address)

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, which is created or restored if needed."""
        folder = (database_file(self.uri) or Path()).parent
        (folder / STATE).mkdir(parents=True, exist_ok=True)
        with FileLock(folder / STATE / "lock"):  # one process at a time creates the database or an experiment
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

    def download(self, run: str, name: str, folder: str) -> str | None:
        """Download an artifact of a run into a folder; None if the run does not have it."""
        names = {entry.path for entry in self.api.list_artifacts(run)}
        return self.api.download_artifacts(run, name, folder) if name in names else None


def _require_database(address: str) -> None:
    """Open a database once: MLflow would try ten times, for 100 seconds.

    Raises:
        ConnectionError: with the database's own first line.
    """
    if (path := database_file(address)) is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif address.startswith(("http", "file:")) or "://" not in address:
        return
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    try:
        engine = create_engine(address, connect_args=_CONNECT if address.startswith(_PSYCOPG) else {})
    except NoSuchModuleError:  # no database: MLflow knows other schemes
        return
    except (ArgumentError, ImportError, ValueError) as error:
        raise ConnectionError(str(error)) from None
    try:
        inspect(engine).has_table("experiments")
    except SQLAlchemyError as error:
        raise ConnectionError(str(getattr(error, "orig", None) or error)) from None
    finally:
        engine.dispose()


class MetricPoint(NamedTuple):
    """The values of some metrics at one step."""

    step: int
    time_ms: int
    values: Mapping[str, float]

    @classmethod
    def now(cls, step: int, values: Mapping[str, float]) -> Self:
        """Return the values as measured at this time."""
        return cls(step, int(time.time() * 1000), values)


class TrackedRun:
    """A run in MLflow; after a failure, make a new one, which asks MLflow again what has reached it."""

    def __init__(self, client: TrackingClient, run: "Run") -> None:
        self.api, self.id = client.api, run.info.run_id
        self._logged: dict[str, set[int]] = {}

    def log(
        self, points: Iterable[MetricPoint] = (), *, params: Mapping[str, str] = {}, tags: Mapping[str, str] = {}
    ) -> None:
        """Log metrics, parameters and tags."""
        from mlflow.entities import Param, RunTag

        given = [Param(*each) for each in params.items()], [RunTag(*each) for each in tags.items()]
        self.api.log_batch(self.id, _metrics(points), *given)

    def log_missing(self, points: Iterable[MetricPoint]) -> None:
        """Log the metrics that the run does not have at the same step, or those of the system at the same time."""
        missing = [each for each in _metrics(points) if _mark(each) not in self._marks(each.key)]
        self.api.log_batch(self.id, missing)
        for each in missing:
            self._marks(each.key).add(_mark(each))

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Log an image, unless the run has one of this step; MLflow's page shows them with a slider."""
        from PIL import Image

        if (name, str(step)) not in self._images:
            with Image.open(path) as image:
                self.api.log_image(self.id, image.convert("RGB"), key=name, step=step)
            self._images.add((name, str(step)))

    def log_data(self, cell: CellOutputs) -> None:
        """Log the prepared data as the run's input, by DVC's hash."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        if md5 := cell.data_md5():
            source = json.dumps({"path": f"data/{cell.dataset}"})
            data = Dataset(name=cell.dataset, digest=md5, source_type="dvc", source=source)
            self.api.log_inputs(self.id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])

    def _marks(self, key: str) -> set[int]:
        if key not in self._logged:
            self._logged[key] = {_mark(each) for each in self.api.get_metric_history(self.id, key)}
        return self._logged[key]

    @cached_property
    def _images(self) -> set[tuple[str, str]]:
        paths = [entry.path for entry in self.api.list_artifacts(self.id, "images")]
        return set(re.findall(r"^images/(.+?)[+%]step[+%](\d+)[+%]", "\n".join(paths), re.MULTILINE))


def _metrics(points: Iterable[MetricPoint]) -> "list[Metric]":
    from mlflow.entities import Metric

    return [Metric(key, value, time_ms, step) for step, time_ms, values in points for key, value in values.items()]


def _mark(metric: "Metric") -> int:
    return metric.timestamp if metric.key.startswith(SYSTEM_PREFIX) else metric.step


class RunRecord(BaseModel):
    """A run in MLflow as this machine remembers it: a training that may resume, what it missed, or what was published.

    With the record of a publication, an unchanged cell is recognized without importing mlflow.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    uri: Annotated[str, AfterValidator(without_credentials)]
    run: str | None
    tags: dict[str, str] = {}
    system_metrics: list[MetricPoint] = []
    """With the tags, what a training could not send and its files do not hold."""
    fingerprint: str = ""
    """The state of the files that were published."""
    link: Annotated[str, AfterValidator(without_credentials)] = ""
    database: list[int] | None = None
    """Size and time of the SQLite file: another state means that the run must be looked up again."""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a record, if there is one; one of an earlier version, with a password in it, is written without."""
        try:
            text = path.read_text(encoding="utf-8")
            record = cls.model_validate_json(text)
        except (FileNotFoundError, ValueError):  # or one that is broken, and may be deleted as well
            return None
        if without_credentials(text) != text:
            record.write(path)
        return record

    def write(self, path: Path) -> None:
        """Write the record."""
        with written(path) as beside:
            beside.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    def find_run(self, client: TrackingClient, experiment: str) -> "Run | None":
        """Return the run; None if it was deleted, or is in another MLflow."""
        known = self.run is not None and self.uri == client.uri
        return next(iter(client.find_runs(experiment, run=self.run)), None) if known else None

    def run_is_active(self) -> bool:
        """Whether the run certainly still exists; False also if that takes mlflow to find out."""
        if not self.uri.startswith("http"):
            return self.database is not None and self.database == database_state(self.uri)
        try:
            address = f"{self.uri.rstrip('/')}/api/2.0/mlflow/runs/get?run_id={self.run}"
            with urlopen(address, timeout=_TIMEOUT_S) as response:
                return json.load(response)["run"]["info"]["lifecycle_stage"] == "active"
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            return False


def database_state(uri: str) -> list[int] | None:
    """Return size and modification time of a SQLite database; None for other addresses."""
    path = database_file(uri)
    if path is None or not path.exists():
        return None
    return [path.stat().st_size, path.stat().st_mtime_ns]


def unsent_record(cell: CellOutputs) -> Path:
    """Return the path of the record of the training that wrote the cell's checkpoint."""
    return STATE / "unsent" / f"{cell.digest}.json"
