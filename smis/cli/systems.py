"""`smis systems`: what there is to train, what each can vary, and how large it is."""

import argparse
import json
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from smis.core.errors import ParamsError
from smis.models.registry import SYSTEMS
from smis.nn.initialize import SkipInit
from smis.published.data_sets import data_set_of


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("systems", help="list the systems")
    parser.add_argument(
        "--preset", metavar="PRESET", default="deepfashion", help="whose sizes: a data set's (default: deepfashion)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Print a row for each system that has the preset.

    Raises:
        ParamsError: if none has.
    """
    having = [name for name in sorted(SYSTEMS) if chosen.preset in SYSTEMS.load(name).presets]
    if not having:
        known = sorted({preset for name in SYSTEMS for preset in SYSTEMS.load(name).presets})
        raise ParamsError(f"no system has a preset {chosen.preset!r}; there are: {', '.join(known)}")
    rows = [row(name, chosen.preset) for name in having]
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    networks = ("generator", "encoder", "discriminator")
    papers = list(dict.fromkeys(found["paper"] for found in rows))
    table = Table("name", "varies", box=box.SIMPLE, title=f"parameters, preset {chosen.preset}", title_justify="left")
    for network in networks:
        table.add_column(network, justify="right")
    table.add_column("paper")
    for found in rows:
        counts = (f"{found['parameters'][network]:,}" for network in networks)
        table.add_row(found["name"], found["varies"], *counts, f"({1 + papers.index(found['paper'])})")
    console = Console()
    console.print(table)
    for number, paper in enumerate(papers, 1):
        console.print(f"({number}) {paper}", highlight=False)


def row(name: str, preset: str) -> dict[str, Any]:
    """Say what a registry row is; its networks are counted without memory for their weights."""
    config = SYSTEMS.load(name)
    data = data_set_of(preset)
    with SkipInit():
        system = config(preset=preset).build(
            classes=len(data.classes), height=data.height, width=data.width, training=False
        )
    networks = {"generator": system.generator, "encoder": system.encoder, "discriminator": system.discriminator}
    counts = {
        part: sum(p.numel() for p in network.parameters()) if network else 0 for part, network in networks.items()
    }
    return {"name": name, "paper": config.paper, "varies": config.varies, "parameters": counts}
