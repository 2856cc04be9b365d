"""Pages of MLflow that compare the cells of a workspace.

The runs of a data set are a table with parameters and metrics as columns; all runs are on one comparison page. A system
with several seeds has one more run, with the means over them.
"""

import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from pipelines.cell import Cell
from pipelines.tracking.cell_outputs import CellOutputs
from pipelines.tracking.client import STATE, RunRecord, TrackingClient, tolerated
from pipelines.tracking.publication import publish, record_path
from pipelines.tracking.seed_means import publish_means
from pipelines.tracking.shared_view import SharedView, compare_page
from smis.core.files import written

_PATH = STATE / "comparison.json"
_PARAMS = ("system", "seed", "train.steps", "train.batch")
"""Columns of every view; those in which the runs differ are added."""
_MAX_PARAMS = 12


class _Pages(BaseModel):
    """The pages of these runs: while these remain as they are, mlflow is not imported."""

    fingerprint: str
    links: dict[str, str]


def comparison_pages(cells: Sequence[Cell]) -> dict[str, str]:
    """Return the pages that compare published cells, by title; empty if MLflow does not answer."""
    outputs = [CellOutputs(cell) for cell in cells]
    records = {cell: record for cell in outputs if (record := RunRecord.read(record_path(cell))) is not None}
    if not records:
        return {}
    links = _pages(records)
    if "mlflow" in sys.modules:  # something was sent, so the database is no longer the one that the records noted
        for cell in outputs:
            publish(cell.cell)
    return links


def _pages(records: Mapping[CellOutputs, RunRecord]) -> dict[str, str]:
    states = [[cell.name, record.uri, record.run, record.fingerprint] for cell, record in records.items()]
    fingerprint = hashlib.sha256(json.dumps(states).encode()).hexdigest()
    try:
        known = _Pages.model_validate_json(_PATH.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        known = None
    if known is not None and known.fingerprint == fingerprint:
        return known.links
    with tolerated("the next `make repro` will prepare the comparison"):
        pages = _Pages(fingerprint=fingerprint, links=_share(records))
        with written(_PATH) as beside:
            beside.write_text(pages.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return pages.links
    return {}


def _share(records: Mapping[CellOutputs, RunRecord]) -> dict[str, str]:
    client, links, compared = TrackingClient(), {}, list[str]()
    # One for each workspace, as several may send to one server.
    key = "smis-" + hashlib.sha256(f"{platform.node()} {Path.cwd()}".encode(errors="replace")).hexdigest()[:8]
    datasets = {dataset: client.experiment(f"smis/{dataset}") for dataset in {cell.dataset: 0 for cell in records}}
    for dataset, experiment in datasets.items():
        own = {cell: record for cell, record in records.items() if cell.dataset == dataset}
        means = publish_means(client, experiment, own)
        every = [*means.values(), *(str(record.run) for record in own.values())]
        compared += every
        view = SharedView(
            title=f"All cells of {dataset}",
            search=f"attributes.run_id IN ({', '.join(map(repr, every))})",
            params=_columns(client, every),
            metrics=_metrics(own, with_deviations=bool(means)),
            order_by="params.`system`",
        )
        links[f"all cells of {dataset}"] = view.share(client, experiment, key)
    if len(records) > 1:
        links["all cells, compared"] = compare_page(client, compared, [*datasets.values()])
    return links


def _metrics(cells: Iterable[CellOutputs], *, with_deviations: bool) -> list[str]:
    """Return the metrics to show; where there are means over seeds, each with its standard deviation beside it."""
    names = dict.fromkeys(name for cell in cells for name in cell.results())
    return [each for name in names for each in ([name, f"{name}_std"] if with_deviations else [name])]


def _columns(client: TrackingClient, runs: Sequence[str]) -> list[str]:
    """Return the parameters to show: some always, and those that all runs have and in which they differ."""
    params = [client.api.get_run(run).data.params for run in runs]
    common = [name for name in params[0] if all(name in each for each in params)]
    differing = [name for name in common if len({each[name] for each in params}) > 1]
    return [*dict.fromkeys([*(name for name in _PARAMS if name in common), *differing])][:_MAX_PARAMS]
