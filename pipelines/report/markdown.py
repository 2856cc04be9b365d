"""The report as Markdown: the table, what its columns mean, links to the pictures."""

from collections.abc import Sequence

from pipelines.report.differences import Differences, Step
from pipelines.report.sections import Section
from pipelines.report.table import Entry, Row, Table

LEGEND = "Small print: 95 % intervals. Bold: the best value, and those that cannot be told from it on these label maps."


def write(sections: Sequence[Section]) -> str:
    """Return the page."""
    parts = ["# Diverse semantic image synthesis: results", *(_section(section) for section in sections)]
    return "\n\n".join(parts) + "\n"


def table(table: Table) -> str:
    """Return the table alone, the best value of a column in bold, its 95 % interval in small print."""
    head = ["system", *(column.heading for column in table.columns)]
    lines = [head, ["---", *["---:"] * len(table.columns)], *(_row(row) for row in table.rows)]
    return _lines(lines)


def _lines(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def meanings(table: Table) -> str:
    """Return one line for each column."""
    return "\n".join(f"* **{c.title}{c.arrow}** (`{c.name}`): {c.meaning}" for c in table.columns)


def _section(section: Section) -> str:
    facts = " · ".join(f"{name}: {value}" for name, value in section.facts.items())
    pictures = "\n\n".join(f"### {s}\n\n![{s}](pictures/{section.dataset}-{s}.png)" for s in section.systems)
    quality, cost = section.tables
    parts = [f"## {section.dataset}", facts, table(quality), LEGEND, *([table(cost)] if cost.columns else [])]
    parts += [f"Warning: {warning}." for warning in quality.warnings]
    parts += [f"Not measured yet: {', '.join(section.missing)}."] if section.missing else []
    parts += _differences(section.differences) if section.differences else []
    return "\n\n".join([*parts, "\n".join(map(meanings, section.tables)), pictures])


def _differences(found: Differences) -> list[str]:
    head = [f"less {found.baseline}", *(column.title + column.arrow for column in found.columns)]
    lines = [head, ["---", *["---:"] * len(found.columns)]]
    lines += [[system, *(_step(step) for step in steps)] for system, steps in found.rows]
    return [_lines(lines), "Differences over the same label maps; in brackets those that are within noise."]


def _step(step: Step | None) -> str:
    if step is None:
        return ""
    text = f"{step.text} <sub>{step.interval[0]}&ndash;{step.interval[1]}</sub>"
    return f"({text})" if step.verdict == "within noise" else text


def _row(row: Row) -> list[str]:
    name = f"*{row.name}*" if row.real else row.name
    return [name, *(_entry(entry) for entry in row.entries)]


def _entry(entry: Entry | None) -> str:
    if entry is None:
        return ""
    text = f"**{entry.text}**" if entry.best else entry.text
    return text + (f" <sub>{entry.interval[0]}&ndash;{entry.interval[1]}</sub>" if entry.interval else "")
