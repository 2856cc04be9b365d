"""`python -m pipelines.report.terminal`: the table and the ways to see more, as `make repro` ends."""

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
        ParamsError: if there is no report yet.
    """
    path = folder / "table.json"
    if not path.exists():
        raise ParamsError(f"{path} is not there; run `make repro` first")
    console = Console()
    if not sys.stdout.isatty():
        console = Console(width=160)
    for table in json.loads(path.read_text()):
        if not table["columns"]:
            continue
        console.print(terminal(table, wide=console.width >= _WIDE_ENOUGH))
    console.print("[dim]* best of each column, or not to be told from it; below each value its 95 % interval[/dim]")
    console.print(f"report:      {(folder / 'report.html').absolute().as_uri()}", soft_wrap=True, highlight=False)
    console.print("experiments: `make up`, then http://127.0.0.1:5000 (MLflow)", highlight=False)
    console.print("flows:       `make up`, then http://127.0.0.1:4200 (Prefect)", highlight=False)


def terminal(table: dict[str, Any], *, wide: bool = True) -> Table:
    """Return one table (as table.json holds it) for a terminal; intervals only where there is room."""
    shown = Table(title=f"\n{table['dataset']}", title_style="bold", title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("system", no_wrap=True)
    for column in table["columns"]:
        shown.add_column(Column(**column).heading.replace(" ", "\n", 1), justify="right", no_wrap=True)
    for row in table["rows"]:
        style = "dim" if row["real"] else ""
        shown.add_row(row["name"], *(_entry(entry, wide=wide) for entry in row["entries"]), style=style)
    return shown


def _entry(entry: dict[str, Any] | None, *, wide: bool) -> Text:
    if entry is None:
        return Text("")
    text = Text(entry["text"] + ("*" if entry["best"] else " "), style="bold green" if entry["best"] else "")
    if wide and entry["interval"]:
        text.append("\n" + "\N{EN DASH}".join(entry["interval"]) + " ", style="not bold dim default")
    return text


if __name__ == "__main__":
    run(main)
