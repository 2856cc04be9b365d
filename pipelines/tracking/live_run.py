"""A training in MLflow while it runs: a thread sends batches, and no failure of MLflow stops a training step."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from pipelines.cell import Cell
from pipelines.tracking.cell_outputs import CellOutputs, flatten, training_metrics
from pipelines.tracking.client import (
    SYSTEM_PREFIX,
    MetricPoint,
    RunRecord,
    TrackedRun,
    TrackingClient,
    disabled,
    unsent_record,
    warn_of_failure,
)
from pipelines.tracking.lineage import log_patch, machine_tags, remember_run
from pipelines.tracking.server_address import tracking_uri
from smis.training.loggers import NullLogger

SEND_INTERVAL_S = 5.0
RETRY_INTERVAL_S = 30.0
CLOSE_TIMEOUT_S = 30.0
_MAX_POINTS = 20_000
_BATCH = 200


def start_run(
    cell: Cell, params: Mapping[str, object], *, state: Path, device: str = "cpu", after: int = 0
) -> "LiveRun | DisabledRun":
    """Start logging the training of a cell, in the first process; returns at once.

    Args:
        params: sections as the stage's `Params` holds them.
        state: the folder from which a killed training resumes. It holds the run's id, so that the repeated command
            continues the same run.
        after: the step from which the training resumes.
    """
    if disabled():
        return DisabledRun()
    tracking_uri()  # one that is no address is told before the training
    return LiveRun(CellOutputs(cell), params, state=state, device=device, after=after)


class DisabledRun(NullLogger):
    """Logs nothing, for `SMIS_TRACKING=off` and every process but the first."""

    def close(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class LiveRun:
    """Queues metrics and images, which a thread sends; warns once if MLflow does not answer.

    What cannot be sent is in the cell's files, from which `publish` sends it later, except tags and system metrics:
    those are written to a record.
    """

    def __init__(
        self, cell: CellOutputs, params: Mapping[str, object], *, state: Path, device: str, after: int
    ) -> None:
        self._cell, self._params, self._device, self._step = cell, params, device, after
        self._record = state / "mlflow.json"
        self._points: deque[MetricPoint] = deque(maxlen=_MAX_POINTS)
        self._images: deque[tuple[int, str, Path]] = deque(maxlen=_BATCH)
        self._warned = self._finished = self._complete = False
        self._run: TrackedRun | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Queue the metrics of a step."""
        self._step = step
        self._points.append(MetricPoint.now(step, training_metrics(values)))

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Queue a sample grid."""
        self._images.append((step, name, path))

    def close(self) -> None:
        """Send the queue, for at most 30 seconds; the status of a run that is not finished becomes KILLED."""
        self._closing.set()
        self._thread.join(CLOSE_TIMEOUT_S)

    def finish(self) -> None:
        """Tag the run with the exported checkpoint, by which `publish` finds it, and close."""
        self._finished = True
        self.close()
        if not self._complete:
            unsent = [point for point in [*self._points] if any(key.startswith(SYSTEM_PREFIX) for key in point.values)]
            record = RunRecord.read(self._record) or RunRecord(uri=tracking_uri(), run=None)
            record = record.model_copy(update={"tags": self._tags(), "system_metrics": unsent})
            record.write(unsent_record(self._cell))

    def _work(self) -> None:
        system_metrics, retry_at = _system_metrics(), 0.0
        while True:
            closing = self._closing.is_set()
            with suppress(Exception):  # a machine without these sensors still trains
                self._points.append(MetricPoint.now(self._step, next(system_metrics)))
            if closing or time.monotonic() >= retry_at:
                try:
                    self._send(closing)
                except Exception as error:  # no failure of tracking may end a training
                    self._run, retry_at = None, time.monotonic() + RETRY_INTERVAL_S
                    if not self._warned:
                        warn_of_failure(
                            error, "the training goes on, and what MLflow misses will be sent by the next `make repro`"
                        )
                    self._warned = True
            if closing:
                return
            self._closing.wait(SEND_INTERVAL_S)

    def _send(self, closing: bool) -> None:
        self._run = self._run or self._open()
        while points := list(islice(self._points, _BATCH)):
            self._run.log_missing(points)
            for _ in points:
                self._points.popleft()
        while self._images:
            self._run.log_image(*self._images[0])
            self._images.popleft()
        if closing:
            self._run.log(tags=self._cell.checkpoint_tags() if self._finished else {})
            self._run.api.set_terminated(self._run.id, status="FINISHED" if self._finished else "KILLED")
            if self._finished:
                remember_run(self._run, self._cell)
            self._complete = self._finished

    def _open(self) -> TrackedRun:
        """Return the run of an earlier, killed process of this training, or a new one."""
        client = TrackingClient()
        experiment = client.experiment(f"smis/{self._cell.dataset}")
        record = RunRecord.read(self._record)
        if known := record and record.find_run(client, experiment):
            client.api.update_run(known.info.run_id, status="RUNNING")
            return TrackedRun(client, known)
        new = client.api.create_run(experiment, run_name=self._cell.run_name(), tags=self._tags())
        RunRecord(uri=client.uri, run=new.info.run_id).write(self._record)
        run = TrackedRun(client, new)
        run.log(params=flatten(self._params))
        run.log_data(self._cell)
        log_patch(run)
        return run

    def _tags(self) -> dict[str, str]:
        return {**self._cell.tags(), **machine_tags(), "smis.device": self._device}


def _system_metrics() -> Iterator[dict[str, float]]:
    """Yield samples of MLflow's monitor; its own thread would end at the first failure of MLflow."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    monitor = SystemMetricsMonitor("", tracking_uri=tracking_uri())
    while True:
        monitor.collect_metrics()
        yield {f"{SYSTEM_PREFIX}{key}": value for key, value in monitor.aggregate_metrics().items()}
        for each in monitor.monitors:
            each.clear_metrics()
