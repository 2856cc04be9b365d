"""`smis weights list | path`: the external weights, and where they are."""

import argparse
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from smis.core.errors import WeightsError
from smis.core.weights import FOLDER_VARIABLE, TABLE, find


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("weights", help="external weights: what is known, what is here")
    what = parser.add_subparsers(required=True, metavar="what")
    what.add_parser("list", help="name, source and place of each").set_defaults(run=_list)
    path = what.add_parser("path", help="print where a file lies")
    path.add_argument("name", choices=sorted(TABLE))
    path.set_defaults(run=lambda chosen: print(find(chosen.name)))


def _list(chosen: argparse.Namespace) -> None:
    table = Table(*(Column(title, overflow="fold") for title in ("name", "here", "SHA-256", "file", "source")))
    for name, wanted in sorted(TABLE.items()):
        table.add_row(name, _here(name), f"{wanted.sha256}...", wanted.file, wanted.url or wanted.package)
    console = Console()
    console.print(table)
    console.print(f"To add one by hand, put its file into the folder that ${FOLDER_VARIABLE} names.")


def _here(name: str) -> str:
    try:
        find(name)
    except WeightsError as error:
        return "no" if "not on this machine" in str(error) else "broken"
    return "yes"
