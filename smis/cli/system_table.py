"""`smis systems`: list the systems, what each varies, and its size."""

import argparse
import json
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from smis.core.errors import ParamsError
from smis.models.system_registry import SYSTEMS
from smis.nn.initialize import SkipInit
from smis.published.published_datasets import dataset_of


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("systems", help="list the systems, what each varies and its size")
    parser.add_argument(
        "--preset", metavar="PRESET", default="deepfashion", help="sizes of a data set (default: deepfashion)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a row for each system that has the preset.

    Raises:
        ParamsError: if none has.
    """
    names = [name for name in sorted(SYSTEMS) if options.preset in SYSTEMS.load(name).presets]
    if not names:
        presets = sorted({preset for name in SYSTEMS for preset in SYSTEMS.load(name).presets})
        raise ParamsError(f"no system has a preset {options.preset!r}; there are: {', '.join(presets)}")
    rows = [describe(name, options.preset) for name in names]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    networks = ("generator", "encoder", "discriminator")
    papers = list(dict.fromkeys(row["paper"] for row in rows))
    table = Table("name", "varies", box=box.SIMPLE, title=f"parameters, preset {options.preset}", title_justify="left")
    for network in networks:
        table.add_column(network, justify="right")
    table.add_column("paper")
    for row in rows:
        counts = (f"{row['parameters'][network]:,}" for network in networks)
        table.add_row(row["name"], row["varies"], *counts, f"({1 + papers.index(row['paper'])})")
    console = Console()
    console.print(table)
    for number, paper in enumerate(papers, 1):
        console.print(f"({number}) {paper}", highlight=False)


def describe(name: str, preset: str) -> dict[str, Any]:
    """Describe a system; parameters are counted without memory for their values."""
    config = SYSTEMS.load(name)
    data = dataset_of(preset)
    with SkipInit():
        system = config(preset=preset).build(
            classes=len(data.classes), height=data.height, width=data.width, training=False
        )
    networks = {"generator": system.generator, "encoder": system.encoder, "discriminator": system.discriminator}
    counts = {
        part: sum(p.numel() for p in network.parameters()) if network else 0 for part, network in networks.items()
    }
    return {"name": name, "paper": config.paper, "varies": config.varies, "parameters": counts}
