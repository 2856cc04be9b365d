"""`smis weights list | fetch | path`: the external weights, where they are, and how to bring them."""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from smis.core.download import fetch
from smis.core.errors import WeightsError
from smis.core.weights import FOLDER_VARIABLE, TABLE, cache, find

_PLACES = {"yes": "here", "no": "missing", "broken": "broken"}


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("weights", help="external weights: what is known, what is here")
    what = parser.add_subparsers(required=True, metavar="what")
    known = what.add_parser("list", help="name, checksum, license, source and place of each")
    known.add_argument("--json", action="store_true", help="print JSON")
    known.set_defaults(run=_list)
    bring = what.add_parser("fetch", help="download files, check them, and print where they lie")
    bring.add_argument("names", nargs="+", choices=sorted(TABLE), metavar="NAME", help=", ".join(sorted(TABLE)))
    bring.set_defaults(run=_fetch)
    path = what.add_parser("path", help="print where a file lies")
    path.add_argument("name", choices=sorted(TABLE), metavar="NAME", help=", ".join(sorted(TABLE)))
    path.set_defaults(run=lambda chosen: print(find(chosen.name)))


def _fetch(chosen: argparse.Namespace) -> None:
    with _orderly():
        for name in chosen.names:
            print(fetch(name))


@contextmanager
def _orderly() -> Iterator[None]:
    """SIGTERM ends this as Ctrl-C does, so that no half of a file is left; by itself it would end Python at once."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _list(chosen: argparse.Namespace) -> None:
    rows = [_row(name) for name in sorted(TABLE)]
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    console = Console(highlight=False)
    for row in rows:
        place = _PLACES[row["here"]]
        console.print(f"{row['name']:22}{place:9}sha256 {row['sha256'][:8]}...  {row['license']}", soft_wrap=True)
        console.print(f"    {row['source']}", soft_wrap=True, style="dim")
    console.print(f"`smis weights fetch NAME` downloads into {cache()}", soft_wrap=True)
    console.print(f"To add one by hand, put its file into the folder that ${FOLDER_VARIABLE} names.", soft_wrap=True)


def _row(name: str) -> dict[str, str]:
    wanted, (here, path) = TABLE[name], _here(name)
    row = {"name": name, "here": here, "sha256": wanted.digest, "license": wanted.license}
    return row | {"file": wanted.file, "source": wanted.source, "path": path}


def _here(name: str) -> tuple[str, str]:
    try:
        return "yes", str(find(name))
    except WeightsError as error:
        return ("no" if "not on this machine" in str(error) else "broken"), ""
