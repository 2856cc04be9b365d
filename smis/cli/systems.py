"""`smis systems`: what there is to train, and what each can vary."""

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from smis.models.registry import SYSTEMS


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("systems", help="list the systems")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Print a row for each system."""
    rows = [row(name) for name in sorted(SYSTEMS)]
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("name", "varies", "presets", "paper")
    for found in rows:
        table.add_row(found["name"], found["varies"], ", ".join(found["presets"]), found["paper"])
    Console().print(table)


def row(name: str) -> dict[str, Any]:
    """Say what a registry row is."""
    config = SYSTEMS.load(name)
    return {"name": name, "paper": config.paper, "varies": config.varies, "presets": sorted(config.presets)}
