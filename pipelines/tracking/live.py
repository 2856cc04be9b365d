"""A training, mirrored while it goes on: a thread sends batches, and nothing that MLflow does can stop a step."""

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.tracking import facts, notes, settings
from pipelines.tracking.cell import Cell, curve_values, digest
from pipelines.tracking.store import Point, Store, monitors
from smis.core.files import written

EVERY_S = 5.0
RETRY_S = 30.0
CLOSE_S = 30.0
_REMEMBERED = 20_000
_AT_ONCE = 200


def mirror(
    cell: str, params: Mapping[str, object], *, state: Path, device: str = "cpu", after: int = 0
) -> "Mirror | Nothing":
    """Open the live mirror of a cell (`"paperdoll/groupdnet"`); the first process calls it, and it returns at once.

    `params` are sections as the stage's `Params` holds them. `state` is the folder that a killed training goes on
    from: the run's id is kept there, so that the repeated command goes on in the same run. `after` is the step that
    the training goes on from.
    """
    if settings.off():
        return Nothing()
    return Mirror(Cell.named(cell), params, state=state, device=device, after=after)


class Nothing:
    """The mirror of `SMIS_TRACKING=off`."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def finish(self, checkpoint: Path) -> None:
        """Do nothing."""


class Mirror:
    """Takes values and pictures at no cost, and sends them from a thread; says once when MLflow does not answer.

    What it could not send is in the files anyway (`publish` sends it later), except the gauges of the machine: those
    wait in a note.
    """

    def __init__(self, cell: Cell, params: Mapping[str, object], *, state: Path, device: str, after: int) -> None:
        self._cell, self._params, self._state, self._device = cell, params, state, device
        self._step = after
        self._points: deque[Point] = deque(maxlen=_REMEMBERED)
        self._pictures: deque[tuple[int, str, Path]] = deque(maxlen=_AT_ONCE)
        self._checkpoint: Path | None = None
        self._complaint = self._done = False
        self._not_before = 0.0
        self._store: Store | None = None
        self._run: str | None = None
        self._gauges: list[Any] | None = None
        self._there: dict[str, set[int]] | None = None
        self._ending = threading.Event()
        self._thread = self._started()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values of a step; called by the training, so it only remembers."""
        self._step = step
        self._points.append(Point(step, _now_ms(), curve_values(dict(values))))

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Take a sample grid."""
        self._pictures.append((step, name, path))

    def close(self) -> None:
        """Send what is left, and wait for it a little; a run without a checkpoint is left as killed."""
        self._ending.set()
        self._thread.join(CLOSE_S)

    def finish(self, checkpoint: Path) -> None:
        """Tag the run with the checkpoint that the training ended in, which is how `publish` finds it, and close."""
        self._checkpoint = checkpoint
        if self._ending.is_set():
            self._thread = self._started()
        self.close()
        if not self._done:
            self._leave_note(checkpoint)

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        while True:
            over = self._ending.is_set()
            self._read_gauges()
            if over or time.monotonic() >= self._not_before:
                self._try_to_send(over)
            if over:
                return
            self._ending.wait(EVERY_S)

    def _try_to_send(self, over: bool) -> None:
        try:
            self._send(over)
        except Exception as error:  # a training outlives whatever its mirror meets
            self._not_before = time.monotonic() + RETRY_S
            if not self._complaint:
                self._complaint = True
                settings.say(
                    f"MLflow does not answer at {settings.uri()} ({settings.reason(error)}); the training goes on, "
                    "and what MLflow misses will be sent by the next `make repro`"
                )

    def _send(self, over: bool) -> None:
        store, run = self._opened()
        while self._points:
            taken = [self._points.popleft() for _ in range(min(_AT_ONCE, len(self._points)))]
            try:
                store.log_points(run, self._unsent(store, run, taken))
            except BaseException:
                self._points.extendleft(reversed(taken))
                raise
        while self._pictures:
            step, name, path = self._pictures[0]
            store.log_picture(run, path, name=name, step=step)
            self._pictures.popleft()
        if over:
            self._end(store, run)

    def _end(self, store: Store, run: str) -> None:
        if self._checkpoint is None:
            store.end(run, status="KILLED")
            return
        store.tag(run, {"smis.checkpoint": digest([self._checkpoint])})
        store.end(run)
        self._done = True

    def _opened(self) -> tuple[Store, str]:
        if self._store is None or self._run is None:
            self._store = Store(settings.uri())
            self._run = self._resumed(self._store) or self._begun(self._store)
        return self._store, self._run

    def _resumed(self, store: Store) -> str | None:
        """Find the run that an earlier, killed process of this training opened."""
        path = self._state / "mlflow.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        if known.get("uri") != store.uri or store.run(known["run"]) is None:
            return None
        store.resume(known["run"])
        self._there = {}
        return known["run"]

    def _begun(self, store: Store) -> str:
        experiment = store.experiment(f"smis/{self._cell.dataset}")
        tags = self._tags()
        run = store.start(experiment, name=facts.run_name(self._cell), tags=tags)
        with written(self._state / "mlflow.json") as beside:
            beside.write_text(json.dumps({"uri": store.uri, "experiment": experiment, "run": run}))
        store.log_params(run, facts.flatten(self._params))
        data = facts.data_hash(self._cell.dataset)
        if data is not None:
            store.log_data(run, name=self._cell.dataset, digest=data)
        return run

    def _tags(self) -> dict[str, str]:
        return {**facts.tags(self._cell), "smis.device": self._device}

    def _unsent(self, store: Store, run: str, points: list[Point]) -> list[Point]:
        """Leave out what a killed process has sent of the steps that are trained again."""
        there = self._there
        if there is None:
            return points
        for key in {key for point in points for key in point.values if key.startswith("train/")} - there.keys():
            there[key] = store.steps(run, key)
        new = [
            point._replace(values={k: v for k, v in point.values.items() if point.step not in there.get(k, ())})
            for point in points
        ]
        return [point for point in new if point.values]

    def _read_gauges(self) -> None:
        try:
            self._gauges = monitors() if self._gauges is None else self._gauges
            values: dict[str, float] = {}
            for gauge in self._gauges:
                gauge.collect_metrics()
                values |= gauge.aggregate_metrics()
                gauge.clear_metrics()
        except Exception:  # a machine without a gauge still trains
            self._gauges = []
            return
        if values:
            self._points.append(Point(self._step, _now_ms(), {f"system/{key}": value for key, value in values.items()}))

    def _leave_note(self, checkpoint: Path) -> None:
        gauges = [point for point in self._points if any(key.startswith("system/") for key in point.values)]
        notes.leave(digest([checkpoint]), notes.Note(settings.uri(), self._run, self._tags(), gauges))


def _now_ms() -> int:
    return int(time.time() * 1000)
