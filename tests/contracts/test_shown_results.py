"""The tables of README.md and docs/pipeline.md hold what metrics/ holds."""

import json
import re
from pathlib import Path

import pytest

from pipelines.report.result_tables import TableEntry, result_table
from smis.metrics.image.result import Result

ROOT = Path(__file__).parents[2]
SYSTEMS = ("groupdnet", "inade", "vspade")


def measured(system: str) -> dict[str, Result]:
    entries = json.loads((ROOT / f"metrics/paperdoll/{system}/seed-0.json").read_text())
    return {name: Result.from_json(name, entry, draws=None) for name, entry in entries.items()}


def shown(entry: TableEntry | None) -> str:
    if entry is None:
        return ""
    return entry.text + (f" <sub>{'&ndash;'.join(entry.interval)}</sub>" if entry.interval else "")


def table(*, cost: bool) -> list[str]:
    """Write the lines of a table, without bold type: what is best within noise needs the resamples."""
    made = result_table("paperdoll", {system: measured(system) for system in SYSTEMS}, cost=cost)
    titles = " | ".join(column.heading for column in made.columns)
    rows = [f"| {row.name} | {' | '.join(shown(entry) for entry in row.entries)} |" for row in made.rows]
    return [f"| system | {titles} |", *rows]


@pytest.mark.parametrize(
    ("page", "cost"), [("README.md", False), ("docs/pipeline.md", False), ("docs/pipeline.md", True)]
)
def test_a_table_on_a_page_is_that_of_the_committed_results(page: str, cost: bool) -> None:
    lines = re.sub(r"\*", "", (ROOT / page).read_text(encoding="utf-8")).splitlines()
    assert [line for line in table(cost=cost) if line not in lines] == []
