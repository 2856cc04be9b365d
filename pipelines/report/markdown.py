"""The report as Markdown: the table, what its columns mean, links to the pictures."""

from collections.abc import Sequence

from pipelines.report.sections import Section
from pipelines.report.table import Entry, Row, Table


def write(sections: Sequence[Section]) -> str:
    """Return the page."""
    parts = ["# Diverse semantic image synthesis: results", *(_section(section) for section in sections)]
    return "\n\n".join(parts) + "\n"


def table(table: Table) -> str:
    """Return the table alone, the best value of a column in bold, its 95 % interval in small print."""
    head = ["system", *(column.heading for column in table.columns)]
    lines = [head, ["---", *["---:"] * len(table.columns)], *(_row(row) for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def meanings(table: Table) -> str:
    """Return one line for each column."""
    return "\n".join(f"* **{c.title}{c.arrow}** (`{c.name}`): {c.meaning}" for c in table.columns)


def _section(section: Section) -> str:
    facts = " · ".join(f"{name}: {value}" for name, value in section.facts.items())
    pictures = "\n\n".join(f"### {s}\n\n![{s}](pictures/{section.dataset}-{s}.png)" for s in section.systems)
    parts = [f"## {section.dataset}", facts, table(section.table), "Small print: 95 % intervals. Bold: best value."]
    parts += [f"Warning: {warning}." for warning in section.table.warnings]
    parts += [f"Not measured yet: {', '.join(section.missing)}."] if section.missing else []
    return "\n\n".join([*parts, meanings(section.table), pictures])


def _row(row: Row) -> list[str]:
    name = f"*{row.name}*" if row.real else row.name
    return [name, *(_entry(entry) for entry in row.entries)]


def _entry(entry: Entry | None) -> str:
    if entry is None:
        return ""
    text = f"**{entry.text}**" if entry.best else entry.text
    return text + (f" <sub>{entry.interval[0]}&ndash;{entry.interval[1]}</sub>" if entry.interval else "")
