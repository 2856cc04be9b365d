"""What has reached a run in MLflow, as MLflow says and as this machine remembers; the rest is sent here alone."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.error import URLError
from urllib.request import urlopen

from pydantic import BaseModel, ConfigDict

from pipelines.tracking.cell_outputs import CellOutputs
from pipelines.tracking.client import STATE, TrackingClient, database_file
from smis.core.files import written

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

SYSTEM_PREFIX = "system/"
_TIMEOUT_S = 5


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
        self,
        points: Iterable[MetricPoint] = (),
        *,
        params: Mapping[str, str] = {},
        tags: Mapping[str, str] = {},
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

    uri: str
    run: str | None
    tags: dict[str, str] = {}
    system_metrics: list[MetricPoint] = []
    """With the tags, what a training could not send and its files do not hold."""
    fingerprint: str = ""
    """The state of the files that were published."""
    link: str = ""
    database: list[int] | None = None
    """Size and time of the SQLite file: another state means that the run must be looked up again."""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a record, if there is one."""
        return cls.model_validate_json(path.read_text()) if path.exists() else None

    def write(self, path: Path) -> None:
        """Write the record."""
        with written(path) as beside:
            beside.write_text(self.model_dump_json(indent=1) + "\n")

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
        except (OSError, URLError, ValueError, KeyError, TypeError):
            return False


def database_state(uri: str) -> list[int] | None:
    """Return size and modification time of a SQLite database; None for other addresses."""
    path = database_file(uri)
    if path is None or not path.exists():
        return None
    return [path.stat().st_size, path.stat().st_mtime_ns]


def unsent_record(checkpoint: str) -> Path:
    """Return the path of the record of the training that wrote the checkpoint of this SHA-256."""
    return STATE / "unsent" / f"{checkpoint}.json"
