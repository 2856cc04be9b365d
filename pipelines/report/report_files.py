"""The files of the report: report.html, a page that loads nothing from the network, report.md, table.json, images."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.report.result_tables import DifferenceEntry, DifferenceTable, ResultTable, TableEntry, TableRow
from smis.core.contact_sheet import Group, grid, paint, spans

if TYPE_CHECKING:
    from pipelines.report.run import DatasetReport

_LEGEND = (
    "Small print: 95 % intervals. Bold: the best value, and values that do not differ from it significantly on these "
    "label maps."
)


def write_report(reports: "Sequence[DatasetReport]", folder: Path) -> None:
    """Write every file of the report into an empty folder."""
    (folder / "pictures").mkdir()
    (folder / "report.html").write_text(html_page(reports))
    (folder / "report.md").write_text(markdown_page(reports))
    tables = [asdict(table) for report in reports for table in report.tables]
    (folder / "table.json").write_text(json.dumps(tables, indent=2) + "\n")
    reports[0].comparison.save(folder / "comparison.png", optimize=True)
    for report in reports:
        report.comparison.save(folder / "pictures" / f"{report.dataset}.png")
        for system, groups in report.sheets.items():
            paint(groups).save(folder / "pictures" / f"{report.dataset}-{system}.png")


def html_page(reports: "Sequence[DatasetReport]") -> str:
    """Render the HTML page; images are embedded as data URIs and curves as SVG."""
    templates = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    environment.filters |= {"sheet": _sheet_uri, "titles": _group_titles, "protocol_value": _protocol_value}
    return environment.get_template("template.html").render(reports=reports)


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


def markdown_page(reports: "Sequence[DatasetReport]") -> str:
    """Render the Markdown page: tables, what their columns mean, links to the images."""
    parts = ["# Diverse semantic image synthesis: results", *(_dataset_markdown(report) for report in reports)]
    return "\n\n".join(parts) + "\n"


def _dataset_markdown(report: "DatasetReport") -> str:
    facts = " · ".join(f"{name}: {value}" for name, value in report.facts.items())
    images = "\n\n".join(f"### {s}\n\n![{s}](pictures/{report.dataset}-{s}.png)" for s in report.systems)
    quality, cost = report.tables
    parts = [f"## {report.dataset}", facts, _table(quality), _LEGEND, *([_table(cost)] if cost.columns else [])]
    parts += [f"Warning: {warning}." for warning in quality.warnings]
    parts += [f"Not measured yet: {', '.join(report.missing)}."] if report.missing else []
    parts += _differences(report.differences) if report.differences else []
    return "\n\n".join([*parts, "\n".join(map(_meanings, report.tables)), images])


def _table(table: ResultTable) -> str:
    head = ["system", *(column.heading for column in table.columns)]
    return _rows([head, ["---", *["---:"] * len(table.columns)], *map(_row, table.rows)])


def _rows(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(row: TableRow) -> list[str]:
    name = f"*{row.name}*" if row.real else row.name
    return [name, *map(_entry, row.entries)]


def _entry(entry: TableEntry | None) -> str:
    if entry is None:
        return ""
    text = f"**{entry.text}**" if entry.best else entry.text
    return text + (f" <sub>{entry.interval[0]}&ndash;{entry.interval[1]}</sub>" if entry.interval else "")


def _meanings(table: ResultTable) -> str:
    return "\n".join(f"* **{c.title}{c.arrow}** (`{c.name}`): {c.meaning}" for c in table.columns)


def _differences(table: DifferenceTable) -> list[str]:
    head = [f"minus {table.baseline}", *(column.title + column.arrow for column in table.columns)]
    rows = [head, ["---", *["---:"] * len(table.columns)]]
    rows += [[system, *map(_difference, entries)] for system, entries in table.rows]
    return [_rows(rows), "Differences over the same label maps; those within noise are in parentheses."]


def _difference(entry: DifferenceEntry | None) -> str:
    if entry is None:
        return ""
    text = f"{entry.text} <sub>{entry.interval[0]}&ndash;{entry.interval[1]}</sub>"
    return f"({text})" if entry.verdict == "within noise" else text
