"""`smis weights list | fetch | path`: list, download and locate external weights."""

import argparse
import json
from typing import Any

from rich.console import Console

from smis.core.errors import WeightsError
from smis.core.weights import FOLDER_VARIABLE, TABLE, cache, fetch, find

_STATES = {"yes": "here", "no": "missing", "broken": "broken"}


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("weights")
    what = parser.add_subparsers(required=True, metavar="what")
    listing = what.add_parser("list", help="name, checksum, license, source and path of each")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=_list)
    fetching = what.add_parser("fetch", help="download and check files, print their paths")
    fetching.add_argument("names", nargs="+", choices=sorted(TABLE), metavar="NAME", help=", ".join(sorted(TABLE)))
    fetching.set_defaults(run=_fetch)
    path = what.add_parser("path", help="print the path of a file")
    path.add_argument("name", choices=sorted(TABLE), metavar="NAME", help=", ".join(sorted(TABLE)))
    path.set_defaults(run=lambda options: print(find(options.name)))


def _fetch(options: argparse.Namespace) -> None:
    for name in options.names:
        print(fetch(name))


def _list(options: argparse.Namespace) -> None:
    rows = [_row(name) for name in sorted(TABLE)]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    console = Console(highlight=False)
    for row in rows:
        state = _STATES[row["here"]]
        console.print(f"{row['name']:22}{state:9}sha256 {row['sha256'][:8]}...  {row['license']}", soft_wrap=True)
        console.print(f"    {row['source']}", soft_wrap=True, style="dim")
    console.print(f"`smis weights fetch NAME` downloads into {cache()}", soft_wrap=True)
    console.print(f"To add one by hand, put its file into the folder that ${FOLDER_VARIABLE} names.", soft_wrap=True)


def _row(name: str) -> dict[str, str]:
    weights, (state, path) = TABLE[name], _locate(name)
    row = {"name": name, "here": state, "sha256": weights.digest, "license": weights.license}
    return row | {"file": weights.file, "source": weights.source, "path": path}


def _locate(name: str) -> tuple[str, str]:
    try:
        return "yes", str(find(name))
    except WeightsError as error:
        return ("no" if "not on this machine" in str(error) else "broken"), ""
