"""What the report says about one data set, gathered from files; pages only write it down."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipelines.report import classes, differences, measured, table
from pipelines.report.classes import ClassTable
from pipelines.report.config import ReportConfig
from pipelines.report.curves import Panel, panels
from pipelines.report.differences import Differences
from pipelines.report.picks import Samples, choose
from pipelines.report.pictures import Gallery
from pipelines.report.table import Table
from smis.core.contact_sheet import Group, paint
from smis.core.errors import ParamsError
from smis.data.shards import Prepared


@dataclass(frozen=True)
class Section:
    """One data set."""

    dataset: str
    systems: list[str]
    missing: list[str]
    """Systems whose files are not there."""
    facts: dict[str, str]
    tables: list[Table]
    """How good the systems are, and what they cost."""
    differences: Differences | None
    classes: list[ClassTable]
    panels: list[Panel]
    palette: dict[str, tuple[int, int, int]]
    sheets: dict[str, list[Group]]
    comparison: Image.Image


def gather(dataset: str, systems: list[str], config: ReportConfig) -> Section:
    """Read a data set's cells.

    Raises:
        ParamsError: if no system was measured on it.
        ProtocolError: if systems were measured in different ways.
        ShardError: if samples or prepared data are broken.
    """
    found = {system: measured.results(dataset, system) for system in systems}
    there = {system: results for system, results in found.items() if results is not None}
    if not there:
        raise ParamsError(f"axes.dataset: nothing was measured on {dataset!r} yet; run `dvc repro evaluate`")
    data = Prepared(Path("data", dataset))
    drawn = {system: Samples.read(Path("runs", dataset, system, "samples")) for system in there}
    picks = choose(data, list(drawn.values()), rows=config.rows, parts=config.parts, wanted=config.classes)
    gallery = Gallery(data, picks, config.samples)
    histories = {system: _history(Path("runs", dataset, system, "history.jsonl")) for system in there}
    return Section(
        dataset,
        systems=list(there),
        missing=[system for system in systems if system not in there],
        facts=_facts(data, histories),
        tables=[table.build(dataset, there, cost=cost) for cost in (False, True)],
        differences=differences.build(there, baseline=config.baseline),
        classes=classes.build({system: measured.classes(dataset, system) for system in there}),
        panels=panels(histories),
        palette=dict(zip(data.classes, data.palette, strict=True)),
        sheets={system: gallery.sheet(samples) for system, samples in drawn.items()},
        comparison=paint(gallery.comparison(drawn, rows=config.compared_rows), blocks=list(there)),
    )


def _history(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()] if path.exists() else []


def _facts(data: Prepared, histories: Mapping[str, list[dict[str, float]]]) -> dict[str, str]:
    steps = sorted({int(history[-1]["step"]) for history in histories.values() if history})
    pictures = ", ".join(f"{len(data.split(name)):,} {name}" for name in data.splits)
    return {
        "image size": f"{data.width} x {data.height}",
        "classes": str(len(data.classes)),
        "images": pictures,
        "training steps": ", ".join(f"{step:,}" for step in steps) or "unknown",
    }
