"""The run of a system on a data set: means and standard deviations over its seeds, beside the runs of the seeds.

All of them have the tag `smis.cell`, by which MLflow's page groups them; only this one has `smis.seeds`.
"""

import hashlib
from collections.abc import Mapping
from statistics import mean, stdev
from typing import TYPE_CHECKING

from pipelines.tracking.cell_outputs import CellOutputs, commit_tags, group_tags
from pipelines.tracking.client import MetricPoint, RunRecord, TrackedRun, TrackingClient, page

if TYPE_CHECKING:
    from mlflow.entities import Run

_SUPERSEDED = "smis.superseded"


def publish_means(
    client: TrackingClient, experiment: str, records: Mapping[CellOutputs, RunRecord]
) -> dict[tuple[str, str], str]:
    """Send the means of every system on a data set that has several seeds; return the runs by data set and system.

    The run is the one of the seeds' checkpoints. That of fewer or of other seeds is tagged `smis.superseded`.
    """
    groups: dict[tuple[str, str], list[CellOutputs]] = {}
    for cell in records:
        groups.setdefault((cell.dataset, cell.system), []).append(cell)
    several = {group: cells for group, cells in groups.items() if len(cells) > 1}
    return {
        group: _send(client, experiment, {cell: str(records[cell].run) for cell in cells})
        for group, cells in several.items()
    }


def _send(client: TrackingClient, experiment: str, runs: Mapping[CellOutputs, str]) -> str:
    first, seeds = next(iter(runs)), ", ".join(str(cell.seed) for cell in runs)
    group = group_tags(first.dataset, first.system)
    parameters = _common([client.api.get_run(run).data.params for run in runs.values()])
    parameters["seed"] = f"mean of {seeds}"
    digest = hashlib.sha256(
        " ".join([*(cell.digest for cell in runs), str(sorted(parameters.items()))]).encode()
    ).hexdigest()
    identity = {"smis.cell": group["smis.cell"], "smis.checkpoints": digest}
    found = client.find_runs(experiment, tags=identity)
    run = found[0] if found else _create(client, experiment, first, seeds=seeds, tags=identity)
    known, values = run.data, _values([_measured(cell) for cell in runs])
    pages = {cell.seed: page(client.uri, f"experiments/{experiment}/runs/{each}") for cell, each in runs.items()}
    links = ", ".join(f"[seed {seed}]({link})" for seed, link in pages.items())
    note = {"mlflow.note.content": f"Mean and standard deviation over seeds: {links}."}
    tracked = TrackedRun(client, run)
    tracked.log(
        [MetricPoint.now(0, {key: value for key, value in values.items() if known.metrics.get(key) != value})],
        params={key: value for key, value in parameters.items() if key not in known.params},
        tags=note,
    )
    if run.info.status != "FINISHED":
        client.api.set_terminated(tracked.id)
    _supersede_others(client, experiment, tracked.id, cell=group["smis.cell"], runs=[*runs.values()])
    return tracked.id


def _create(client: TrackingClient, experiment: str, cell: CellOutputs, *, seeds: str, tags: dict[str, str]) -> "Run":
    count = seeds.count(",") + 1
    tags = tags | group_tags(cell.dataset, cell.system) | commit_tags() | {"smis.seeds": seeds}
    return client.api.create_run(experiment, run_name=f"{cell.system}, mean of {count} seeds", tags=tags)


def _supersede_others(client: TrackingClient, experiment: str, own: str, *, cell: str, runs: list[str]) -> None:
    """Tag the means of some of these runs: a seed was added, or trained or measured anew."""
    for other in client.find_runs(experiment, tags={"smis.cell": cell}):
        tags, note = other.data.tags, other.data.tags.get("mlflow.note.content", "")
        is_current = "smis.seeds" in tags and _SUPERSEDED not in tags
        if is_current and other.info.run_id != own and any(run in note for run in runs):
            client.api.set_tag(other.info.run_id, _SUPERSEDED, own)


def _common(parameters: list[dict[str, str]]) -> dict[str, str]:
    """Return the parameters in which all agree."""
    first, *others = parameters
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in others)}


def _measured(cell: CellOutputs) -> dict[str, float]:
    return {name: float(entry["value"]) for name, entry in cell.results().items() if entry["value"] is not None}


def _values(results: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean NAME and the standard deviation NAME_std of every metric that all have."""
    names = [name for name in results[0] if all(name in each for each in results)]
    columns = {name: [each[name] for each in results] for name in names}
    return {name: mean(column) for name, column in columns.items()} | {
        f"{name}_std": stdev(column) for name, column in columns.items()
    }
