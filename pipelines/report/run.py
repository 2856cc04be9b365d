"""Gather the files of every data set and write the report."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from pipelines.cell import Cell
from pipelines.params import Axes, read
from pipelines.report.cell_origins import read_origins
from pipelines.report.config import OUT, Params, ReportConfig
from pipelines.report.result_tables import (
    CLASS_METRICS,
    class_table,
    difference_table,
    read_class_values,
    read_results,
    result_table,
)
from pipelines.report.sample_sheets import SampleSheets, read_system_samples
from pipelines.report.training_curves import curve_charts
from smis.core.contact_sheet import Group, grid, paint, spans
from smis.core.errors import ParamsError
from smis.core.files import written_folder
from smis.core.history import read_history
from smis.core.shapes import size_text
from smis.data.shards import Prepared


class DatasetReport:
    """What the report shows of one data set, from its results, samples and training histories.

    Raises:
        ParamsError: if no system has been evaluated on it.
        ProtocolError: if two systems were measured under different protocols.
        ShardError: if samples, tables or prepared data are missing or damaged.
    """

    def __init__(self, dataset: str, axes: Axes, config: ReportConfig) -> None:
        systems = axes.system
        cells = {system: Cell(dataset, system, axes.seed[0]) for system in systems}
        measured = {system: results for system in systems if (results := read_results(cells[system])) is not None}
        if not measured:
            raise ParamsError(f"axes.dataset: nothing was measured on {dataset!r} yet; run `dvc repro evaluate`")
        self.dataset, self.systems = dataset, list(measured)
        self.missing = [system for system in systems if system not in measured]
        self.tables = [result_table(dataset, measured, cost=cost) for cost in (False, True)]
        self.differences = difference_table(measured, baseline=config.baseline)
        by_class = {system: read_class_values(cells[system]) for system in measured}
        self.classes = [class_table(name, by_class) for name in CLASS_METRICS]
        data = Prepared(Path("data", dataset))
        histories = {system: read_history(cells[system].history) for system in measured}
        self.facts, self.curves = _facts(data, histories), curve_charts(histories)
        self.palette = dict(zip(data.classes, data.palette, strict=True))
        samples = {system: read_system_samples(cells[system].samples) for system in measured}
        sheets = SampleSheets(data, samples, config)
        self.sheets = {system: sheets.sheet(system) for system in measured}
        self.origins = read_origins(Cell(dataset, system, seed) for system in measured for seed in axes.seed)
        self.comparison = paint(sheets.comparison(rows=config.compared_rows), blocks=self.systems)


def main() -> None:
    """Write report/: report.html, report.md, table.json, comparison.png and pictures/."""
    params = read(Params)
    reports = [DatasetReport(dataset, params.axes, params.report) for dataset in params.axes.dataset]
    with written_folder(OUT) as folder:
        for name in ("html", "md"):
            (folder / f"report.{name}").write_text(page(reports, template=f"template.{name}"), encoding="utf-8")
        tables = [asdict(table) for report in reports for table in report.tables]
        (folder / "table.json").write_text(json.dumps(tables, indent=2) + "\n", encoding="utf-8")
        reports[0].comparison.save(folder / "comparison.png", optimize=True)
        (folder / "pictures").mkdir()
        for report in reports:
            report.comparison.save(folder / "pictures" / f"{report.dataset}.png")
            for system, groups in report.sheets.items():
                paint(groups).save(folder / "pictures" / f"{report.dataset}-{system}.png")


def page(reports: Sequence[DatasetReport], *, template: str = "template.html") -> str:
    """Render the report as HTML that loads nothing from the network, or as Markdown with links to the images."""
    templates = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=templates, autoescape=select_autoescape(), undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {"sheet": _sheet_uri, "titles": _group_titles, "protocol_value": _protocol_value}
    return environment.get_template(template).render(reports=reports)


def _sheet_uri(groups: Sequence[Group]) -> str:
    memory = io.BytesIO()
    grid(groups).save(memory, "WEBP", quality=90, method=4)
    return f"data:image/webp;base64,{base64.b64encode(memory.getvalue()).decode()}"


def _group_titles(groups: Sequence[Group]) -> list[tuple[str, float, float]]:
    """Return each group's caption, and the left edge and width of its columns in percent of the sheet."""
    columns = spans(groups)
    total = columns[-1][1]
    return [
        (group.caption, 100 * start / total, 100 * (end - start) / total)
        for group, (start, end) in zip(groups, columns, strict=True)
    ]


def _protocol_value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _facts(data: Prepared, histories: Mapping[str, list[dict[str, float]]]) -> dict[str, str]:
    steps = sorted({int(history[-1]["step"]) for history in histories.values() if history})
    return {
        "image size": f"{size_text((data.height, data.width))} (height x width)",
        "classes": str(len(data.classes)),
        "images": ", ".join(f"{len(data.split(name)):,} {name}" for name in data.splits),
        "training steps": ", ".join(f"{step:,}" for step in steps) or "unknown",
    }
