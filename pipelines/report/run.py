"""Gather the files of every data set and write the report."""

import base64
import io
import json
from collections.abc import Collection, Mapping, Sequence
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
    mean_class_values,
    read_class_values,
    read_results,
    result_table,
)
from pipelines.report.sample_sheets import SampleSheets, read_system_samples
from pipelines.report.seed_points import seed_table
from pipelines.report.seed_results import SeededResults
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
        cells = [cell for cell in axes.cells() if cell.dataset == dataset]
        results = {cell: found for cell in cells if (found := read_results(cell)) is not None}
        if not results:
            raise ParamsError(f"axes.dataset: nothing was measured on {dataset!r} yet; run `dvc repro evaluate`")
        measured = [system for system in axes.system if any(cell.system == system for cell in results)]
        self.dataset, self.systems, self.missing = dataset, measured, _missing(cells, results)
        by_system = {system: [cell for cell in results if cell.system == system] for system in measured}
        seeded = SeededResults(
            {system: {cell.seed: results[cell] for cell in by_system[system]} for system in measured}
        )
        self.seeds = seed_table(seeded)
        self.tables = [result_table(dataset, seeded.means, cost=cost, seeded=seeded) for cost in (False, True)]
        self.differences = difference_table(seeded.means, baseline=config.baseline, seeded=seeded)
        by_class = {
            system: mean_class_values([read_class_values(cell) for cell in own]) for system, own in by_system.items()
        }
        self.classes = [class_table(name, by_class) for name in CLASS_METRICS]
        data = Prepared(Path("data", dataset))
        titles = {cell: f"{cell.system}, seed {cell.seed}" if self.seeds else cell.system for cell in results}
        histories = {titles[cell]: read_history(cell.history) for cell in results}
        colors = {titles[cell]: measured.index(cell.system) for cell in results}
        self.facts, self.curves = _facts(data, histories), curve_charts(histories, colors=colors)
        if self.seeds:
            self.facts["seeds"] = ", ".join(map(str, self.seeds.seeds))
        self.palette = dict(zip(data.classes, data.palette, strict=True))
        self.sampled = {system: own[0].seed for system, own in by_system.items()}
        samples = {system: read_system_samples(own[0].samples) for system, own in by_system.items()}
        sheets = SampleSheets(data, samples, config)
        self.sheets = {system: sheets.sheet(system) for system in measured}
        self.origins = read_origins(Cell(dataset, system, seed) for system in measured for seed in axes.seed)
        self.comparison = paint(sheets.comparison(rows=config.compared_rows), blocks=self.systems)


def _missing(cells: Sequence[Cell], measured: Collection[Cell]) -> list[str]:
    """Name the systems that were not measured, or the seeds that some of them lack."""
    systems = {cell.system for cell in measured}
    lacking = (cell for cell in cells if cell not in measured)
    return [*dict.fromkeys(f"{c.system} with seed {c.seed}" if c.system in systems else c.system for c in lacking)]


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
    environment.filters["percent"] = "{:.0%}".format
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
