"""`smis systems`: what there is to train, what each can vary, and how large it is."""

import argparse
import json
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from smis.models.registry import SYSTEMS

PUBLISHED = {
    "ade20k": (151, 256, 256),
    "celebamask": (19, 256, 256),
    "cityscapes": (35, 256, 512),
    "coco": (183, 256, 256),
    "deepfashion": (8, 256, 256),
    "paperdoll": (8, 64, 64),
}
"""For each preset the classes (with "don't care", where the release has it), height and width of its data set."""


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("systems", help="list the systems")
    parser.add_argument("--preset", choices=PUBLISHED, default="deepfashion", help="whose sizes (default: deepfashion)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Print a row for each system that has the preset."""
    rows = [row(name, chosen.preset) for name in sorted(SYSTEMS) if chosen.preset in SYSTEMS.load(name).presets]
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    networks = ("generator", "encoder", "discriminator")
    table = Table("name", "varies", *networks, "paper", title=f"preset {chosen.preset}", title_justify="left")
    for found in rows:
        counts = (f"{found['parameters'][network]:,}" for network in networks)
        table.add_row(found["name"], found["varies"], *counts, found["paper"])
    Console().print(table)


def row(name: str, preset: str) -> dict[str, Any]:
    """Say what a registry row is; its networks are counted without memory for their weights."""
    config = SYSTEMS.load(name)
    classes, height, width = PUBLISHED[preset]
    with torch.device("meta"):
        system = config(preset=preset).build(classes=classes, height=height, width=width, training=False)
    networks = {"generator": system.generator, "encoder": system.encoder, "discriminator": system.discriminator}
    counts = {
        part: sum(p.numel() for p in network.parameters()) if network else 0 for part, network in networks.items()
    }
    return {"name": name, "paper": config.paper, "varies": config.varies, "parameters": counts}
