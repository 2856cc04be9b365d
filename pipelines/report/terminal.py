"""`python -m pipelines.report.terminal`: print the result tables and where to see more, as `make repro` does."""

import json
import sys
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.report.columns import Column
from pipelines.report.config import OUT
from pipelines.stage import run
from smis.core.errors import ParamsError

_WIDE_ENOUGH = 100


def main(folder: Path = OUT) -> None:
    """Print the tables of a written report.

    Raises:
        ParamsError: if the report has not been written.
    """
    path = folder / "table.json"
    if not path.exists():
        raise ParamsError(f"{path} does not exist; run `make repro` first")
    console = Console(width=None if sys.stdout.isatty() else 160)
    tables = json.loads(path.read_text(encoding="utf-8"))
    for table in tables:
        if table["columns"]:
            console.print(_terminal_table(table, wide=console.width >= _WIDE_ENOUGH))
    over_seeds = "its standard deviation over seeds, and " if _has_deviations(tables) else ""
    below = f"below each value {over_seeds}its 95 % interval"
    console.print(f"[dim]* best of its column, or within noise of it; {below}[/dim]")
    console.print(f"report:      {(folder / 'report.html').absolute().as_uri()}", soft_wrap=True, highlight=False)
    console.print("experiments: `make up`, then http://127.0.0.1:5000 (MLflow)", highlight=False)
    console.print("flows:       `make up`, then http://127.0.0.1:4200 (Prefect)", highlight=False)


def _has_deviations(tables: list[dict[str, Any]]) -> bool:
    rows = [row for table in tables for row in table["rows"]]
    return any(entry and entry["deviation"] for row in rows for entry in row["entries"])


def _terminal_table(table: dict[str, Any], *, wide: bool) -> Table:
    """Format one table of table.json; intervals are shown if the terminal is wide enough."""
    grid = Table(title=f"\n{table['dataset']}", title_style="bold", title_justify="left", box=box.SIMPLE_HEAD)
    grid.add_column("system", no_wrap=True)
    for column in table["columns"]:
        grid.add_column(Column(**column).heading.replace(" ", "\n", 1), justify="right", no_wrap=True)
    for row in table["rows"]:
        style = "dim" if row["real"] else ""
        grid.add_row(row["name"], *(_entry(entry, wide=wide) for entry in row["entries"]), style=style)
    return grid


def _entry(entry: dict[str, Any] | None, *, wide: bool) -> Text:
    if entry is None:
        return Text("")
    text = Text(entry["text"] + ("*" if entry["best"] else " "), style="bold green" if entry["best"] else "")
    if entry["deviation"]:
        text.append(f"\n± {entry['deviation']} ", style="not bold default")
    if wide and entry["interval"]:
        text.append("\n" + "\N{EN DASH}".join(entry["interval"]) + " ", style="not bold dim default")
    return text


if __name__ == "__main__":
    run(main)
