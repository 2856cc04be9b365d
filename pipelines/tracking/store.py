"""MLflow's runs, values, pictures and tables, in the few words that a cell needs."""

import fcntl
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.tracking import settings

if TYPE_CHECKING:
    from mlflow.entities import Run

_VALUES_AT_ONCE = 900
_ENTRIES_AT_ONCE = 90


class Point(NamedTuple):
    """Some values at one step of a curve."""

    step: int
    time_ms: int
    values: Mapping[str, float]


class Store:
    """An MLflow that answered when it was opened. Every method may raise what `failures` lists."""

    def __init__(self, uri: str) -> None:
        settings.prepare()
        import mlflow

        # The model registry would otherwise ask for a database of its own.
        self.uri = uri
        self._client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)

    def experiment(self, name: str) -> str:
        """Return the experiment's id, making it first where there is none."""
        with _alone(settings.home(self.uri) / settings.NOTES):
            found = self._client.get_experiment_by_name(name)
            if found is not None:
                if found.lifecycle_stage == "deleted":
                    self._client.restore_experiment(found.experiment_id)
                return found.experiment_id
            place = (
                None
                if self.uri.startswith("http")
                else (settings.home(self.uri) / settings.ARTIFACTS).absolute().as_uri()
            )
            return self._client.create_experiment(name, artifact_location=place)

    def tag_experiment(self, experiment: str, name: str, value: str) -> None:
        """Set a tag of an experiment."""
        self._client.set_experiment_tag(experiment, name, value)

    def start(self, experiment: str, *, name: str, tags: Mapping[str, str]) -> str:
        """Begin a run and return its id."""
        return self._client.create_run(experiment, run_name=name, tags=dict(tags)).info.run_id

    def run(self, run: str) -> "Run | None":
        """Return a run, or nothing where it is not known or was deleted."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_run(run)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return found if found.info.lifecycle_stage == "active" else None

    def runs(self, experiment: str, *, tags: Mapping[str, str]) -> "list[Run]":
        """Find the runs that carry all the tags, the newest first."""
        wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        found: list[Run] = []
        token, more = None, True
        while more:
            page = self._client.search_runs([experiment], wanted, order_by=["start_time DESC"], page_token=token)
            found += page
            token, more = page.token, bool(page.token)
        return found

    def steps(self, run: str, key: str) -> set[int]:
        """Return the steps at which a curve is there."""
        return {metric.step for metric in self._client.get_metric_history(run, key)}

    def log_points(self, run: str, points: Iterable[Point]) -> None:
        """Send values; those of one step travel together."""
        from mlflow.entities import Metric

        batch: list[Metric] = []
        for point in points:
            if len(batch) + len(point.values) > _VALUES_AT_ONCE:
                self._client.log_batch(run, metrics=batch)
                batch = []
            batch += [Metric(key, value, point.time_ms, point.step) for key, value in point.values.items()]
        if batch:
            self._client.log_batch(run, metrics=batch)

    def log_params(self, run: str, values: Mapping[str, str]) -> None:
        """Send parameters that are not there yet."""
        from mlflow.entities import Param

        params = [Param(key, value) for key, value in values.items()]
        for begin in range(0, len(params), _ENTRIES_AT_ONCE):
            self._client.log_batch(run, params=params[begin : begin + _ENTRIES_AT_ONCE])

    def tag(self, run: str, values: Mapping[str, str]) -> None:
        """Set tags, anew where they are there."""
        from mlflow.entities import RunTag

        self._client.log_batch(run, tags=[RunTag(key, value) for key, value in values.items()])

    def untag(self, run: str, name: str) -> None:
        """Take a tag away that is there."""
        self._client.delete_tag(run, name)

    def log_picture(self, run: str, path: Path, *, name: str, step: int) -> None:
        """Send a picture that the page shows with a slider over steps."""
        from PIL import Image

        with Image.open(path) as image:
            self._client.log_image(run, image.convert("RGB"), key=name, step=step)

    def pictures(self, run: str) -> set[int]:
        """Return the steps at which a picture is there."""
        names = [entry.path for entry in self._client.list_artifacts(run, "images")]
        return {int(match[1]) for name in names if (match := re.search(r"[+%]step[+%](\d+)[+%]", name))}

    def log_file(self, run: str, path: Path, *, folder: str | None = None) -> None:
        """Send a file."""
        self._client.log_artifact(run, str(path), folder)

    def fetch(self, run: str, name: str, folder: Path) -> Path | None:
        """Bring a file of a run into a folder, if the run has it."""
        if name not in {entry.path for entry in self._client.list_artifacts(run)}:
            return None
        return Path(self._client.download_artifacts(run, name, str(folder)))

    def log_data(self, run: str, *, name: str, digest: str) -> None:
        """Say what the run learnt from, by DVC's hash."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(name=name, digest=digest, source_type="dvc", source=f'{{"path": "data/{name}"}}')
        self._client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])

    def resume(self, run: str) -> None:
        """Say that the run goes on."""
        self._client.update_run(run, status="RUNNING")

    def end(self, run: str, *, status: str = "FINISHED") -> None:
        """Say that the run is over: FINISHED, FAILED or KILLED."""
        self._client.set_terminated(run, status=status)


def failures() -> tuple[type[Exception], ...]:
    """Return what MLflow raises when it is down, refuses or lost its disk."""
    from mlflow.exceptions import MlflowException

    return MlflowException, OSError


def monitors() -> list[Any]:
    """Return MLflow's own gauges of processor, memory, disk, network and, where there is one, GPU."""
    from mlflow.exceptions import MlflowException
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    found: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(ImportError, RuntimeError, MlflowException):
        found.append(GPUMonitor())
    return found


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two trainings that start together must not both make the database or the experiment."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
