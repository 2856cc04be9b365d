"""Send MLflow what it is missing of a cell's files; sending twice changes nothing."""

import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipelines.tracking.cell_outputs import CellOutputs, sha256, trial_tags
from pipelines.tracking.client import (
    MetricPoint,
    TrackingClient,
    disabled,
    failures,
    run_link,
    short_reason,
    tracking_uri,
    warn,
)
from pipelines.tracking.local_state import (
    PublicationStamp,
    UnsentNote,
    database_state,
    delete_note,
    read_note,
    read_stamp,
)
from smis.core.contact_sheet import Group, color_labels, grid, tile
from smis.core.errors import ShardError

if TYPE_CHECKING:
    from mlflow.entities import Run

BEFORE_EVALUATE = ("prepare", "reference", "segmenter", "train", "sample")
SAMPLE_ROW = "samples.png"
"""The artifact with a row of sample images, of the same test label maps in every run."""
_ROW_MAPS, _ROW_SAMPLES, _ROW_SIDE = 3, 4, 128


def publish(dataset: str, system: str, *, stages: tuple[str, ...] = BEFORE_EVALUATE) -> str | None:
    """Send what MLflow is missing of a cell, and return the link to its run.

    The run is the one that is tagged with the checkpoint's SHA-256 and has the cell's parameters. If there is none
    (the cell was restored from DVC's cache, or MLflow is new), one is created, tagged `smis.restored`.

    Args:
        stages: the stages whose parameters must agree with dvc.lock.

    Returns:
        None, after one line on stderr, if there is nothing to publish or MLflow does not answer: tracking never fails
        a pipeline.
    """
    if disabled():
        return None
    cell = CellOutputs(dataset, system)
    reason = _unpublishable(cell, stages)
    if reason is None:
        fingerprint = cell.fingerprint()
        stamp = read_stamp(cell, fingerprint=fingerprint)
        if stamp is not None and stamp.run_is_active():
            return stamp.link
        link, reason = _send(cell, stamp, fingerprint)
        if link is not None:
            return link
    warn(reason)
    return None


def _unpublishable(cell: CellOutputs, stages: tuple[str, ...]) -> str | None:
    if cell.missing is not None:
        return f"{cell.name} is incomplete ({cell.missing} does not exist); run `make repro`"
    changed = cell.changed_parameters(stages)
    if changed:
        return f"{cell.name} was made with other parameters ({', '.join(changed)}); run `make repro` to update it"
    return None


def _send(cell: CellOutputs, stamp: PublicationStamp | None, fingerprint: str) -> tuple[str | None, str]:
    """Return the link to the run, or the reason why there is none."""
    uri = tracking_uri()
    try:
        client = TrackingClient(uri)
        if stamp is not None and client.active_run(stamp.run) is not None:
            run, link = stamp.run, stamp.link
        else:
            experiment = client.experiment(f"smis/{cell.dataset}")
            run = _send_cell(cell, client, experiment=experiment)
            link = run_link(uri, experiment=experiment, run=run)
    except failures() as error:
        reason = f"MLflow does not answer at {uri} ({short_reason(error)})"
        return None, f"{reason}; {cell.name} will be sent by the next `make repro`"
    PublicationStamp(uri, run, fingerprint, link, database_state(uri)).write(cell)
    return link, ""


def _send_cell(cell: CellOutputs, client: TrackingClient, *, experiment: str) -> str:
    parameters = cell.parameters()
    run = _find_or_create_run(cell, client, experiment=experiment, parameters=parameters)
    run_id = run.info.run_id
    client.log_params(run_id, {key: value for key, value in parameters.items() if key not in run.data.params})
    _send_curves(cell, client, run_id)
    grids = cell.grids()
    for step in sorted(grids.keys() - client.image_steps(run_id)):
        client.log_image(run_id, grids[step], name="grid", step=step)
    new = {key: value for key, value in cell.values().items() if run.data.metrics.get(key) != value}
    client.log_points(run_id, [MetricPoint(0, _now_ms(), new)] if new else [])
    _send_files(cell, client, run)
    _send_data_and_device(cell, client, run)
    if run.info.status != "FINISHED":
        client.api.set_terminated(run_id)
    if trial_tags():
        _supersede_lost_runs(client, run, seed=parameters.get("seed"))
    return run_id


def _find_or_create_run(
    cell: CellOutputs, client: TrackingClient, *, experiment: str, parameters: dict[str, str]
) -> "Run":
    """Return the cell's run, tagged with the checkpoint at once so that an interrupted publication continues in it."""
    note = read_note(cell.digest)
    # A trial that was restored from another sweep or from the main workspace gets a run of its own to compare.
    own_tags = {"smis.cell": cell.name, "smis.checkpoint": cell.digest} | trial_tags()
    known = [*client.find_runs(experiment, tags=own_tags), *_interrupted_run(client, note)]
    known.sort(key=lambda run: "smis.sweep" in run.data.tags and not trial_tags())
    matching = [run for run in known if _parameters_agree(run, parameters)]
    if matching:
        run_id = matching[0].info.run_id
    else:
        restored = {"smis.restored": "true"} if note is None else {}
        run_id = client.create_run(experiment, name=cell.run_name(), tags=cell.tags() | restored)
    client.set_tags(run_id, own_tags | (note.tags if note else {}))
    if note is not None:
        client.log_points(run_id, note.system_metrics)
        delete_note(cell.digest)
    return client.api.get_run(run_id)


def _interrupted_run(client: TrackingClient, note: UnsentNote | None) -> "list[Run]":
    """Return the run of a training during which MLflow went down."""
    run = client.active_run(note.run) if note is not None and note.run is not None and note.uri == client.uri else None
    return [run] if run is not None else []


def _parameters_agree(run: "Run", parameters: dict[str, str]) -> bool:
    """Parameters of a run cannot change: the same weights measured with other parameters are another run."""
    return all(parameters.get(key, value) == value for key, value in run.data.params.items())


def _supersede_lost_runs(client: TrackingClient, run: "Run", *, seed: str | None) -> None:
    """Remove from the sweep what a lost machine logged of this trial: one row per trial and seed."""
    for other in client.find_runs(run.info.experiment_id, tags=trial_tags()):
        if "smis.checkpoint" in other.data.tags or other.data.params.get("seed") != seed:
            continue
        client.set_tags(other.info.run_id, {"smis.superseded": run.info.run_id})
        client.api.set_terminated(other.info.run_id, status="KILLED")
        client.api.delete_tag(other.info.run_id, "smis.sweep")


def _send_data_and_device(cell: CellOutputs, client: TrackingClient, run: "Run") -> None:
    md5 = cell.data_md5()
    if md5 is not None:
        client.log_dataset(run.info.run_id, name=cell.dataset, md5=md5)
    devices = [result.get("protocol", {}).get("device") for result in cell.results().values()]
    device = next((device for device in devices if device), None)
    if device and "smis.device" not in run.data.tags:
        client.set_tags(run.info.run_id, {"smis.device": str(device)})


def _send_curves(cell: CellOutputs, client: TrackingClient, run: str) -> None:
    curves = cell.curves()
    logged = {key: client.metric_steps(run, key) for key in {key for values in curves.values() for key in values}}
    now = _now_ms()
    missing = (
        MetricPoint(step, now, {key: value for key, value in values.items() if step not in logged[key]})
        for step, values in curves.items()
    )
    client.log_points(run, (point for point in missing if point.values))


def _send_files(cell: CellOutputs, client: TrackingClient, run: "Run") -> None:
    paths = [*cell.tables(), cell.metrics]
    digest = sha256(paths)
    if run.data.tags.get("smis.tables") == digest:
        return
    for path in paths:
        folder = "metrics" if path == cell.metrics else "tables"
        client.api.log_artifact(run.info.run_id, str(path), folder)
    with suppress(ShardError), TemporaryDirectory() as temporary:  # samples or data may have been deleted
        row = Path(temporary, SAMPLE_ROW)
        _save_sample_row(cell, row)
        client.api.log_artifact(run.info.run_id, str(row))
    client.set_tags(run.info.run_id, {"smis.tables": digest})


def _save_sample_row(cell: CellOutputs, path: Path) -> None:
    """Save the first test label maps, each with its real image and samples of which all latents are resampled."""
    from smis.data.samples import read_samples
    from smis.data.shards import Prepared

    test = Prepared(Path("data", cell.dataset)).split("test")
    samples = read_samples(cell.folder / "samples" / "everything.arrow")
    keys = test.keys.tolist()
    groups: list[Group] = []
    for key in list(dict.fromkeys(samples.keys))[:_ROW_MAPS]:
        real = test[keys.index(key)]
        rows = [number for number, other in enumerate(samples.keys) if other == key][:_ROW_SAMPLES]
        colors = color_labels(real.labels, test.header.palette)
        labels = tile(colors, smallest=_ROW_SIDE, largest=_ROW_SIDE, smooth=False)
        images = [tile(image, smallest=_ROW_SIDE, largest=_ROW_SIDE) for image in (real.image, *samples.image[rows])]
        groups.append(Group("", [[labels, *images]]))
    grid(groups).save(path)


def _now_ms() -> int:
    return int(time.time() * 1000)
