"""`smis zoo list | show | add`: the trained models that come with the package."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from smis.core.checkpoint_path import ZOO
from smis.core.messages import escape
from smis.zoo.card import read_card
from smis.zoo.collection import ALLOWED_LEVELS, add_model, read_card_text, read_models

_MAIN_METRICS = {"fid": "FID", "fd_stlpips_vgg": "FD", "mCSD": "mCSD", "mOCD": "mOCD", "mIoU": "mIoU"}
"""Columns, where a model has them."""


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    zoo = verbs.add_parser("zoo")
    commands = zoo.add_subparsers(required=True, metavar="command")
    listing = commands.add_parser("list", help="list the models: `zoo:NAME` is the path of a checkpoint everywhere")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=_list)

    show = commands.add_parser("show", help="print a model's card")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(run=_show)

    adding = commands.add_parser("add", help="write a model's folder: float16 weights, a card, label maps")
    adding.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    adding.add_argument("--card", type=Path, required=True, metavar="card.yaml", help="its fields: docs/zoo.md")
    adding.add_argument("--name", help="default: SYSTEM-DATASET")
    adding.add_argument("--labels", type=Path, metavar="FOLDER", help="example label maps of the checkpoint's size")
    adding.add_argument("--out", type=Path, metavar="FOLDER", help=f"the model's folder (default: {ZOO}/NAME)")
    adding.add_argument(
        "--float32",
        action="store_true",
        help=f"store float32; float16 is refused where a pixel would differ by over {ALLOWED_LEVELS} of 255 levels",
    )
    adding.set_defaults(run=_add)


def _list(options: argparse.Namespace) -> None:
    models = read_models()
    if options.json:
        print(json.dumps([asdict(model) for model in models], indent=2))
        return
    if not models:
        print("this package came without models; `smis zoo add` adds one")
        return
    table = Table(box=box.SIMPLE)
    table.add_column("name", no_wrap=True)
    table.add_column("size", no_wrap=True)
    shown = {key: title for key, title in _MAIN_METRICS.items() if any(key in model.metrics for model in models)}
    for column in (*shown.values(), "MiB"):
        table.add_column(column, justify="right", no_wrap=True)
    for model in models:
        values = (f"{model.metrics[key]:.4g}" if key in model.metrics else "" for key in shown)
        size = f"{model.size[0]} x {model.size[1]}"
        table.add_row(model.name, size, *values, f"{model.mib:.1f}")
    Console(markup=False, emoji=False).print(table)


def _show(options: argparse.Namespace) -> None:
    text = "\n".join(map(escape, read_card_text(options.name).splitlines()))
    Console(markup=False, emoji=False).print(Markdown(text, hyperlinks=False))


def _add(options: argparse.Namespace) -> None:
    added = add_model(
        options.checkpoint,
        read_card(options.card),
        name=options.name,
        labels=options.labels,
        out=options.out,
        half=not options.float32,
    )
    print(f"{added.folder}: {added.name}, {added.bytes / 2**20:.1f} MiB (before: {added.bytes_before / 2**20:.1f})")
    if added.difference is not None:
        print(
            f"largest difference of a pixel from float32: {added.difference} of 255 levels ({ALLOWED_LEVELS} allowed)"
        )
