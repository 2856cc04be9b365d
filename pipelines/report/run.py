"""Gather the files of every data set and write the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipelines.params import read
from pipelines.report.config import OUT, Params, ReportConfig
from pipelines.report.report_files import write_report
from pipelines.report.result_tables import (
    DifferenceTable,
    PerClassTable,
    ResultTable,
    class_tables,
    difference_table,
    read_class_values,
    read_results,
    result_table,
)
from pipelines.report.sample_sheets import SampleSheets, SystemSamples, select_samples
from pipelines.report.training_curves import CurveChart, curve_charts
from smis.core.contact_sheet import Group, paint
from smis.core.errors import ParamsError
from smis.core.files import written_folder
from smis.core.history import read_history
from smis.data.shards import Prepared


@dataclass(frozen=True)
class DatasetReport:
    """What the report shows of one data set."""

    dataset: str
    systems: list[str]
    missing: list[str]
    """Systems that have not been evaluated."""
    facts: dict[str, str]
    tables: list[ResultTable]
    """Quality and cost."""
    differences: DifferenceTable | None
    classes: list[PerClassTable]
    curves: list[CurveChart]
    palette: dict[str, tuple[int, int, int]]
    sheets: dict[str, list[Group]]
    comparison: Image.Image


def main() -> None:
    """Write report/: report.html, report.md, table.json, comparison.png and pictures/."""
    params = read(Params)
    reports = [gather(dataset, params.axes.system, params.report) for dataset in params.axes.dataset]
    with written_folder(OUT) as folder:
        write_report(reports, folder)


def gather(dataset: str, systems: list[str], config: ReportConfig) -> DatasetReport:
    """Read the results, samples and training histories of a data set.

    Raises:
        ParamsError: if no system has been evaluated on it.
        ProtocolError: if two systems were measured under different protocols.
        ShardError: if samples or prepared data are damaged.
    """
    measured = {system: results for system in systems if (results := read_results(dataset, system)) is not None}
    if not measured:
        raise ParamsError(f"axes.dataset: nothing was measured on {dataset!r} yet; run `dvc repro evaluate`")
    data = Prepared(Path("data", dataset))
    samples = {system: SystemSamples.read(Path("runs", dataset, system, "samples")) for system in measured}
    selection = select_samples(
        data, list(samples.values()), rows=config.rows, varied_classes=config.parts, class_names=config.classes
    )
    sheets = SampleSheets(data, selection, config.samples)
    histories = {system: read_history(Path("runs", dataset, system, "history.jsonl")) for system in measured}
    return DatasetReport(
        dataset,
        systems=list(measured),
        missing=[system for system in systems if system not in measured],
        facts=_facts(data, histories),
        tables=[result_table(dataset, measured, cost=cost) for cost in (False, True)],
        differences=difference_table(measured, baseline=config.baseline),
        classes=class_tables({system: read_class_values(dataset, system) for system in measured}),
        curves=curve_charts(histories),
        palette=dict(zip(data.classes, data.palette, strict=True)),
        sheets={system: sheets.sheet(each) for system, each in samples.items()},
        comparison=paint(sheets.comparison(samples, rows=config.compared_rows), blocks=list(measured)),
    )


def _facts(data: Prepared, histories: Mapping[str, list[dict[str, float]]]) -> dict[str, str]:
    steps = sorted({int(history[-1]["step"]) for history in histories.values() if history})
    return {
        "image size": f"{data.width} x {data.height}",
        "classes": str(len(data.classes)),
        "images": ", ".join(f"{len(data.split(name)):,} {name}" for name in data.splits),
        "training steps": ", ".join(f"{step:,}" for step in steps) or "unknown",
    }
