"""What MLflow does not have yet of a cell, sent from the files on disk; twice is once."""

import hashlib
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipelines.tracking import facts, notes, settings, strip
from pipelines.tracking.cell import Cell, digest
from pipelines.tracking.notes import Note, Stamp
from pipelines.tracking.store import Point, Store, failures
from smis.core.errors import ShardError

if TYPE_CHECKING:
    from mlflow.entities import Run

BEFORE_EVALUATE = ("prepare", "reference", "segmenter", "train", "sample")


def publish(dataset: str, system: str, *, stages: tuple[str, ...] = BEFORE_EVALUATE) -> str | None:
    """Bring what MLflow does not have yet of a cell, and return the link to its run.

    The run is the one tagged with the checkpoint's SHA-256 whose parameters are the cell's. Where there is none (the
    cell was restored from DVC's cache, or MLflow is new) the cell is logged whole, once, tagged `smis.restored`.
    Returns None, after one line on stderr, where there is nothing to publish or MLflow does not answer: tracking
    never fails a pipeline. `stages` are those whose parameters must still be the ones that dvc.lock tells of.
    """
    if settings.off():
        return None
    cell = Cell(dataset, system)
    obstacle = _obstacle(cell, stages)
    if obstacle:
        settings.say(obstacle)
        return None
    fingerprint = _fingerprint(cell)
    stamp = notes.stamp(cell)
    if stamp is not None and stamp.fingerprint == fingerprint:
        return stamp.link
    return _publish(cell, fingerprint)


def _obstacle(cell: Cell, stages: tuple[str, ...]) -> str:
    if cell.missing is not None:
        return f"{cell.name} is not there yet ({cell.missing} is missing); `make repro` makes it"
    changed = facts.changed(cell, stages=stages)
    if changed:
        return f"{cell.name} was made with other parameters ({', '.join(changed)}); `make repro` makes it anew"
    return ""


def _fingerprint(cell: Cell) -> str:
    sections = facts.sections(cell)
    return hashlib.sha256(f"{cell.fingerprint()} {sections}".encode()).hexdigest()


def _publish(cell: Cell, fingerprint: str) -> str | None:
    uri = settings.uri()
    try:
        store = Store(uri)
        experiment = store.experiment(f"smis/{cell.dataset}")
        parameters = facts.parameters(cell)
        run = _run_of(cell, store, experiment=experiment, parameters=parameters)
        _send(cell, store, run=run, parameters=parameters)
    except failures() as error:
        settings.say(
            f"MLflow does not answer at {uri} ({settings.reason(error)}); "
            f"{cell.name} will be sent by the next `make repro`"
        )
        return None
    link = settings.link(uri, experiment=experiment, run=run.info.run_id)
    Stamp(uri, run.info.run_id, fingerprint, link).write(cell)
    return link


def _run_of(cell: Cell, store: Store, *, experiment: str, parameters: dict[str, str]) -> "Run":
    """Find or begin the cell's run; it is tagged with the checkpoint at once, so that what is cut off goes on in it."""
    note = notes.find(cell.digest)
    # A trial that was restored from another sweep or from the main workspace is a run of its own: a row to compare.
    own = {"smis.cell": cell.name, "smis.checkpoint": cell.digest} | facts.trial()
    known = [*store.runs(experiment, tags=own), *_half_heard(store, note)]
    known.sort(key=lambda run: "smis.sweep" in run.data.tags and not facts.trial())
    fitting = [run for run in known if _agrees(run, parameters)]
    if fitting:
        run_id = fitting[0].info.run_id
    else:
        origin = {"smis.restored": "true"} if note is None else {}
        run_id = store.start(experiment, name=facts.run_name(cell), tags=facts.tags(cell) | origin)
    store.tag(run_id, own | (note.tags if note else {}))
    if note is not None:
        store.log_points(run_id, note.gauges)
        notes.drop(cell.digest)
    run = store.run(run_id)
    assert run is not None
    return run


def _half_heard(store: Store, note: Note | None) -> "list[Run]":
    """The run of a training during which MLflow went down."""
    run = store.run(note.run) if note is not None and note.run is not None and note.uri == store.uri else None
    return [run] if run is not None else []


def _agrees(run: "Run", parameters: dict[str, str]) -> bool:
    """A run's parameters cannot change: the same weights measured in another way are another run."""
    return all(parameters.get(key, value) == value for key, value in run.data.params.items())


def _send(cell: Cell, store: Store, *, run: "Run", parameters: dict[str, str]) -> None:
    run_id = run.info.run_id
    store.log_params(run_id, {key: value for key, value in parameters.items() if key not in run.data.params})
    _send_curves(cell, store, run_id)
    _send_pictures(cell, store, run_id)
    _send_values(cell, store, run)
    _send_tables(cell, store, run)
    _send_origin(cell, store, run)
    if run.info.status != "FINISHED":
        store.end(run_id)
    if facts.trial():
        _supersede(store, run, seed=parameters.get("seed"))


def _supersede(store: Store, run: "Run", *, seed: str | None) -> None:
    """Take out of the sweep what a machine that was lost has left of this training: one row for each."""
    for other in store.runs(run.info.experiment_id, tags=facts.trial()):
        if "smis.checkpoint" in other.data.tags or other.data.params.get("seed") != seed:
            continue
        store.tag(other.info.run_id, {"smis.superseded": run.info.run_id})
        store.end(other.info.run_id, status="KILLED")
        store.untag(other.info.run_id, "smis.sweep")


def _send_origin(cell: Cell, store: Store, run: "Run") -> None:
    data = facts.data_hash(cell.dataset)
    if data is not None:
        store.log_data(run.info.run_id, name=cell.dataset, digest=data)
    devices = [result.get("protocol", {}).get("device") for result in cell.results().values()]
    device = next((device for device in devices if device), None)
    if device and "smis.device" not in run.data.tags:
        store.tag(run.info.run_id, {"smis.device": str(device)})


def _send_curves(cell: Cell, store: Store, run: str) -> None:
    curves = cell.curves()
    there = {key: store.steps(run, key) for key in {key for values in curves.values() for key in values}}
    now = int(time.time() * 1000)
    missing = (
        Point(step, now, {key: value for key, value in values.items() if step not in there[key]})
        for step, values in curves.items()
    )
    store.log_points(run, (point for point in missing if point.values))


def _send_pictures(cell: Cell, store: Store, run: str) -> None:
    pictures = cell.pictures()
    for step in sorted(pictures.keys() - store.pictures(run)):
        store.log_picture(run, pictures[step], name="grid", step=step)


def _send_values(cell: Cell, store: Store, run: "Run") -> None:
    new = {key: value for key, value in cell.values().items() if run.data.metrics.get(key) != value}
    store.log_points(run.info.run_id, [Point(0, int(time.time() * 1000), new)] if new else [])


def _send_tables(cell: Cell, store: Store, run: "Run") -> None:
    paths = [*cell.tables(), cell.metrics]
    now = digest(paths)
    if run.data.tags.get("smis.tables") == now:
        return
    for path in paths:
        store.log_file(run.info.run_id, path, folder="metrics" if path == cell.metrics else "tables")
    with suppress(ShardError), TemporaryDirectory() as folder:  # samples or data that are gone leave no picture
        strip.save(cell, Path(folder, strip.NAME))
        store.log_file(run.info.run_id, Path(folder, strip.NAME))
    store.tag(run.info.run_id, {"smis.tables": now})
