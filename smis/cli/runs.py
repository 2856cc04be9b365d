"""`smis runs`: list the trainings of this workspace that run or wait to be resumed."""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from smis.cli.arguments import nonempty_path
from smis.core.errors import ParamsError
from smis.training.loggers import STATUS_FILE, RunStatus


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("runs")
    parser.add_argument("workspace", nargs="?", type=nonempty_path, default=Path(), help="default: the current folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a row for each training; a finished one leaves no status file.

    Raises:
        ParamsError: if there is no such folder.
    """
    if not options.workspace.is_dir():
        raise ParamsError(f"there is no folder {options.workspace}; give one with params.yaml, or none for this one")
    statuses = [
        status
        for path in sorted(options.workspace.glob(f".scratch/*/{STATUS_FILE}"))
        if (status := RunStatus.read(path))
    ]
    if options.json:
        print(json.dumps([{**asdict(status), "alive": status.alive} for status in statuses], indent=2))
        return
    if not statuses:
        print("no training runs here or waits to be resumed")
        return
    table = Table("training", "state", "step", "images/s", "time left", "where", "last heartbeat", box=box.SIMPLE)
    for status in statuses:
        state = "running" if status.alive else "stopped; repeat the command to resume"
        left = _time(status.seconds_left) if status.alive else ""
        where = f"{status.host}, process {status.process}, {status.processes} x {status.device}"
        heartbeat = f"{_time(time.time() - status.at)} ago"
        steps = f"{status.step:,} of {status.steps:,}"
        table.add_row(status.title, state, steps, f"{status.images_per_second:.1f}", left, where, heartbeat)
    Console(markup=False, emoji=False).print(table)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
