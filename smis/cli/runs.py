"""`smis runs`: which trainings of this workspace go on, where, and how long they will take."""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from smis.training.heartbeat import NAME, Sign


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("runs", help="list the trainings that go on, or stopped before their end")
    parser.add_argument("workspace", nargs="?", type=Path, default=Path(), help="default: the working folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Print a row for each training; a finished one leaves nothing behind."""
    signs = [sign for path in sorted(chosen.workspace.glob(f".scratch/*/{NAME}")) if (sign := Sign.read(path))]
    if chosen.json:
        print(json.dumps([{**asdict(sign), "alive": sign.alive} for sign in signs], indent=2))
        return
    if not signs:
        print("no training goes on or waits to go on here")
        return
    table = Table("training", "state", "step", "images/s", "left", "where", "last heard", box=box.SIMPLE)
    for sign in signs:
        state = "runs" if sign.alive else "stopped; repeat the command to go on"
        left = _time(sign.seconds_left) if sign.alive else ""
        where = f"{sign.host}, process {sign.process}, {sign.processes} x {sign.device}"
        heard = f"{_time(time.time() - sign.at)} ago"
        steps = f"{sign.step:,} of {sign.steps:,}"
        table.add_row(sign.title, state, steps, f"{sign.images_per_second:.1f}", left, where, heard)
    Console().print(table)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
