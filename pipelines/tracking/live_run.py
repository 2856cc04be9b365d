"""A training in MLflow while it runs: a thread sends batches, and no failure of MLflow stops a training step."""

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.tracking.cell_outputs import CellOutputs, flatten, sha256, training_metrics
from pipelines.tracking.client import MetricPoint, TrackingClient, disabled, short_reason, tracking_uri, warn
from pipelines.tracking.local_state import UnsentNote
from smis.core.files import written

if TYPE_CHECKING:
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

SEND_INTERVAL_S = 5.0
RETRY_INTERVAL_S = 30.0
CLOSE_TIMEOUT_S = 30.0
_MAX_POINTS = 20_000
_BATCH = 200
_SYSTEM_PREFIX = "system/"


def start_run(
    cell: str, params: Mapping[str, object], *, state: Path, device: str = "cpu", after: int = 0
) -> "LiveRun | DisabledRun":
    """Start logging the training of a cell (`"paperdoll/groupdnet"`), in the first process; returns at once.

    Args:
        params: sections as the stage's `Params` holds them.
        state: the folder from which a killed training resumes. It holds the run's id, so that the repeated command
            continues the same run.
        after: the step from which the training resumes.
    """
    if disabled():
        return DisabledRun()
    return LiveRun(CellOutputs.parse(cell), params, state=state, device=device, after=after)


class DisabledRun:
    """Logs nothing, for `SMIS_TRACKING=off`."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def finish(self, checkpoint: Path) -> None:
        """Do nothing."""


class LiveRun:
    """Queues metrics and images, which a thread sends; warns once if MLflow does not answer.

    What cannot be sent is in the cell's files, from which `publish` sends it later, except tags and system metrics:
    those are written to a note.
    """

    def __init__(
        self, cell: CellOutputs, params: Mapping[str, object], *, state: Path, device: str, after: int
    ) -> None:
        self._cell, self._params, self._state, self._device = cell, params, state, device
        self._step = after
        self._points: deque[MetricPoint] = deque(maxlen=_MAX_POINTS)
        self._images: deque[tuple[int, str, Path]] = deque(maxlen=_BATCH)
        self._checkpoint: Path | None = None
        self._warned = self._complete = False
        self._retry_at = 0.0
        self._client: TrackingClient | None = None
        self._run: str | None = None
        self._monitor: SystemMetricsMonitor | None = None
        self._monitor_failed = False
        self._logged_steps: dict[str, set[int]] | None = None
        """By metric, what the killed process of a resumed run has sent; None for a new run."""
        self._closing = threading.Event()
        self._thread = self._start_thread()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Queue the metrics of a step."""
        self._step = step
        self._points.append(MetricPoint(step, _now_ms(), training_metrics(values)))

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Queue a sample grid."""
        self._images.append((step, name, path))

    def close(self) -> None:
        """Send the queue, for at most 30 seconds; the status of a run without a checkpoint becomes KILLED."""
        self._closing.set()
        self._thread.join(CLOSE_TIMEOUT_S)

    def finish(self, checkpoint: Path) -> None:
        """Tag the run with the exported checkpoint, by which `publish` finds it, and close."""
        self._checkpoint = checkpoint
        if self._closing.is_set():
            self._thread = self._start_thread()
        self.close()
        if not self._complete:
            unsent = [point for point in self._points if any(key.startswith(_SYSTEM_PREFIX) for key in point.values)]
            UnsentNote(tracking_uri(), self._run, self._tags(), unsent).write(sha256([checkpoint]))

    def _start_thread(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        while True:
            closing = self._closing.is_set()
            self._sample_system_metrics()
            if closing or time.monotonic() >= self._retry_at:
                self._try_to_send(closing)
            if closing:
                return
            self._closing.wait(SEND_INTERVAL_S)

    def _try_to_send(self, closing: bool) -> None:
        try:
            self._send(closing)
        except Exception as error:  # no failure of tracking may end a training
            self._retry_at = time.monotonic() + RETRY_INTERVAL_S
            if not self._warned:
                self._warned = True
                warn(
                    f"MLflow does not answer at {tracking_uri()} ({short_reason(error)}); the training goes on, "
                    "and what MLflow misses will be sent by the next `make repro`"
                )

    def _send(self, closing: bool) -> None:
        client, run = self._open()
        while self._points:
            batch = [self._points.popleft() for _ in range(min(_BATCH, len(self._points)))]
            try:
                client.log_points(run, self._without_logged(client, run, batch))
            except BaseException:
                self._points.extendleft(reversed(batch))
                raise
        while self._images:
            step, name, path = self._images[0]
            client.log_image(run, path, name=name, step=step)
            self._images.popleft()
        if not closing:
            return
        if self._checkpoint is None:
            client.api.set_terminated(run, status="KILLED")
            return
        client.set_tags(run, {"smis.checkpoint": sha256([self._checkpoint])})
        client.api.set_terminated(run)
        self._complete = True

    def _open(self) -> tuple[TrackingClient, str]:
        if self._client is None or self._run is None:
            self._client = TrackingClient(tracking_uri())
            self._run = self._resume(self._client) or self._create(self._client)
        return self._client, self._run

    def _resume(self, client: TrackingClient) -> str | None:
        """Return the run of an earlier, killed process of this training."""
        path = self._state / "mlflow.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        if known.get("uri") != client.uri or client.active_run(known["run"]) is None:
            return None
        client.api.update_run(known["run"], status="RUNNING")
        self._logged_steps = {}
        return known["run"]

    def _create(self, client: TrackingClient) -> str:
        experiment = client.experiment(f"smis/{self._cell.dataset}")
        run = client.create_run(experiment, name=self._cell.run_name(), tags=self._tags())
        with written(self._state / "mlflow.json") as beside:
            beside.write_text(json.dumps({"uri": client.uri, "experiment": experiment, "run": run}))
        client.log_params(run, flatten(self._params))
        md5 = self._cell.data_md5()
        if md5 is not None:
            client.log_dataset(run, name=self._cell.dataset, md5=md5)
        return run

    def _tags(self) -> dict[str, str]:
        return {**self._cell.tags(), "smis.device": self._device}

    def _without_logged(self, client: TrackingClient, run: str, points: list[MetricPoint]) -> list[MetricPoint]:
        """Remove what a killed process has sent of the steps that are repeated."""
        logged = self._logged_steps
        if logged is None:
            return points
        for key in {key for point in points for key in point.values if key.startswith("train/")} - logged.keys():
            logged[key] = client.metric_steps(run, key)
        new = [
            point._replace(values={k: v for k, v in point.values.items() if point.step not in logged.get(k, ())})
            for point in points
        ]
        return [point for point in new if point.values]

    def _sample_system_metrics(self) -> None:
        """Queue a sample of MLflow's monitor; its own thread would end at the first failure of MLflow."""
        if self._monitor_failed:
            return
        try:
            if self._monitor is None:
                from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

                self._monitor = SystemMetricsMonitor("", tracking_uri=tracking_uri())
            self._monitor.collect_metrics()
            values = self._monitor.aggregate_metrics()
            for monitor in self._monitor.monitors:
                monitor.clear_metrics()
        except Exception:  # a machine without these sensors still trains
            self._monitor_failed = True
            return
        named = {f"{_SYSTEM_PREFIX}{key}": value for key, value in values.items()}
        self._points.append(MetricPoint(self._step, _now_ms(), named))


def _now_ms() -> int:
    return int(time.time() * 1000)
