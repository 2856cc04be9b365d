"""The tables of README.md and docs/pipeline.md hold what metrics/ holds."""

import json
import re
from pathlib import Path

import pytest

from pipelines.report.result_tables import TableEntry, result_table
from pipelines.report.seed_results import SeededResults
from smis.metrics.image.result import Result

ROOT = Path(__file__).parents[2]
SYSTEMS = ("groupdnet", "inade", "vspade")
SEEDS = (0, 1, 2)


def measured(system: str, seed: int = 0) -> dict[str, Result]:
    entries = json.loads((ROOT / f"metrics/paperdoll/{system}/seed-{seed}.json").read_text())
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


def seed_table() -> list[str]:
    """Write the lines of the means and standard deviations over seeds, without intervals and bold type."""
    seeded = SeededResults({system: {seed: measured(system, seed) for seed in SEEDS} for system in SYSTEMS})
    made = result_table("paperdoll", seeded.means, seeded=seeded)
    rows = [(row.name, [f"{entry.text} ± {entry.deviation}" for entry in row.entries if entry]) for row in made.rows]
    return [f"| {name} | {' | '.join(texts)} |" for name, texts in rows if name in SYSTEMS]


@pytest.mark.parametrize("page", ["README.md", "docs/pipeline.md"])
def test_means_over_seeds_on_a_page_are_those_of_the_committed_results(page: str) -> None:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert [line for line in seed_table() if line not in lines] == []
