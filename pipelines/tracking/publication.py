"""Send MLflow what it is missing of a cell's files; sending twice changes nothing."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipelines.cell import Cell
from pipelines.params import PATH, Axes, read_yaml
from pipelines.tracking.cell_outputs import CellOutputs, sha256, training_metrics, trial_tags
from pipelines.tracking.client import (
    STATE,
    MetricPoint,
    RunRecord,
    TrackedRun,
    TrackingClient,
    database_state,
    disabled,
    page,
    tolerated,
    unsent_record,
    warn,
)
from pipelines.tracking.lineage import LINEAGE_TAG, log_lineage, log_patch, remember_run
from pipelines.tracking.server_address import shown_uri
from smis.core.contact_sheet import Group, color_labels, grid, tile
from smis.core.errors import ShardError
from smis.core.history import read_history

if TYPE_CHECKING:
    from mlflow.entities import Run

SAMPLE_ROW = "samples.png"
"""The artifact with a row of sample images, of the same test label maps in every run."""
_ROW_MAPS, _ROW_SAMPLES, _ROW_SIDE = 3, 4, 128


def publish(cell: Cell) -> str | None:
    """Send what MLflow is missing of a cell, and return the link to its run.

    The run is the one that is tagged with the checkpoint's SHA-256 and has the cell's parameters. If there is none
    (the cell was restored from DVC's cache, or MLflow is new), one is created, tagged `smis.restored`.

    Returns:
        None, after one line on stderr, if there is nothing to publish or MLflow does not answer: tracking never fails
        a pipeline.
    """
    if disabled():
        return None
    outputs = CellOutputs(cell)
    if outputs.missing is not None:
        warn(f"{cell.name} is incomplete ({outputs.missing} does not exist); run `make repro`")
    elif changed := ", ".join(outputs.changed_parameters()):
        warn(f"{cell.name} was made with other parameters ({changed}); run `make repro` to update it")
    else:
        with tolerated(f"{cell.name} will be sent by the next `make repro`"):
            return _publish(outputs)
    return None


def publish_all() -> Iterator[tuple[Cell, str]]:
    """Publish every cell of params.yaml; yield those that are in MLflow, with the links to their runs."""
    axes = Axes.check(read_yaml(PATH).get("axes"), source=PATH.name, at="axes")
    for cell in axes.cells():
        link = publish(cell)
        if link is not None:
            yield cell, link


def record_path(cell: CellOutputs) -> Path:
    """Return the path of the record of the cell's publication."""
    return STATE / f"{cell.name}.json"


def _publish(cell: CellOutputs) -> str:
    """Return the link to the cell's run, after sending what it is missing unless these files were published."""
    path, fingerprint = record_path(cell), cell.fingerprint()
    record = RunRecord.read(path)
    if record is not None and (record.uri, record.fingerprint) != (shown_uri(), fingerprint):
        record = None
    if record is not None and record.run_is_active():
        return record.link
    client = TrackingClient()
    experiment = client.experiment(f"smis/{cell.dataset}")
    if record is None or record.find_run(client, experiment) is None:
        run = _send(cell, client, experiment)
        link = page(client.uri, f"experiments/{experiment}/runs/{run}")
        record = RunRecord(uri=client.uri, run=run, fingerprint=fingerprint, link=link)
    record.model_copy(update={"database": database_state(client.uri)}).write(path)
    return record.link


def _send(cell: CellOutputs, client: TrackingClient, experiment: str) -> str:
    """Send what MLflow is missing, and return the run's id."""
    parameters, unsent = cell.parameters(), unsent_record(cell)
    record = RunRecord.read(unsent)
    found = _find_or_create_run(cell, client, experiment, record=record, parameters=parameters)
    run, known = TrackedRun(client, found), found.data
    # Tagged at once, so that an interrupted publication continues in this run.
    device = {} if "smis.device" in known.tags else cell.device_tag()
    run.log(tags=device | cell.checkpoint_tags() | (record.tags if record else {}))
    if record is not None:
        run.log_missing(record.system_metrics)
        unsent.unlink()
    measured = {key: value for key, value in cell.values().items() if known.metrics.get(key) != value}
    params = {key: value for key, value in parameters.items() if key not in known.params}
    run.log([MetricPoint.now(0, measured)], params=params)
    history = read_history(cell.history)
    run.log_missing(MetricPoint.now(int(row["step"]), training_metrics(row)) for row in history)
    for step, path in cell.grids().items():
        run.log_image(step, "grid", path)
    _send_files(cell, run, sent=known.tags.get("smis.tables"))
    run.log_data(cell)
    log_lineage(run, cell, logged=known.tags.get(LINEAGE_TAG))
    remember_run(run, cell)
    if found.info.status != "FINISHED":
        client.api.set_terminated(run.id)
    if trial_tags():
        _supersede_lost_runs(client, found, seed=parameters.get("seed"))
    return run.id


def _find_or_create_run(
    cell: CellOutputs, client: TrackingClient, experiment: str, *, record: RunRecord | None, parameters: dict[str, str]
) -> "Run":
    interrupted = record and record.find_run(client, experiment)
    runs = [*client.find_runs(experiment, tags=cell.checkpoint_tags()), *([interrupted] if interrupted else [])]
    runs.sort(key=lambda run: "smis.sweep" in run.data.tags and not trial_tags())
    for run in runs:
        # Parameters of a run cannot change: the same weights measured with other parameters are another run.
        if all(parameters.get(key, value) == value for key, value in run.data.params.items()):
            return run
    tags = cell.tags() | cell.checkpoint_tags() | ({} if record else {"smis.restored": "true"})
    created = client.api.create_run(experiment, run_name=cell.run_name(), tags=tags)
    log_patch(TrackedRun(client, created))
    return created


def _supersede_lost_runs(client: TrackingClient, run: "Run", *, seed: str | None) -> None:
    """Remove from the sweep what a lost machine logged of this trial: one row per trial and seed."""
    for other in client.find_runs(run.info.experiment_id, tags=trial_tags()):
        if "smis.checkpoint" not in other.data.tags and other.data.params.get("seed") == seed:
            client.api.set_tag(other.info.run_id, "smis.superseded", run.info.run_id)
            client.api.set_terminated(other.info.run_id, status="KILLED")
            client.api.delete_tag(other.info.run_id, "smis.sweep")


def _send_files(cell: CellOutputs, run: TrackedRun, *, sent: str | None) -> None:
    """Send tables, results and a row of samples, unless their SHA-256 is that of what was sent."""
    paths = [*cell.tables(), cell.metrics, *cell.studies]
    digest = sha256(paths)
    if digest == sent:
        return
    for path in paths:
        run.api.log_artifact(run.id, str(path), path.parts[0] if path.parts[0] == "metrics" else "tables")
    with suppress(ShardError), TemporaryDirectory() as temporary:  # samples or data may have been deleted
        row = Path(temporary, SAMPLE_ROW)
        _save_sample_row(cell, row)
        run.api.log_artifact(run.id, str(row))
    run.log(tags={"smis.tables": digest})


def _save_sample_row(cell: CellOutputs, path: Path) -> None:
    """Save the first test label maps, each with its real image and samples of which all latents are resampled."""
    from smis.data.samples import read_samples
    from smis.data.shards import Prepared

    test = Prepared(Path("data", cell.dataset)).split("test")
    samples = read_samples(cell.cell.samples / "everything.arrow")
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
