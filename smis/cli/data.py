"""`smis data list | show | check`: what data sets there are, what they look like, and whether they are whole."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smis.cli import census
from smis.cli.arguments import positive
from smis.cli.census import Census
from smis.cli.data_sets import DataSet, open_data_set
from smis.cli.making import sheet_tile
from smis.core import contact_sheet
from smis.core.contact_sheet import Captioned, color_labels, columns, paint
from smis.core.errors import ParamsError
from smis.core.sample import Sample
from smis.datasets.io.palette import made_up
from smis.datasets.io.problems import as_error
from smis.datasets.registry import DATASETS


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("data", help="list data sets, look at one, check one")
    what = parser.add_subparsers(required=True, metavar="what")
    listing = what.add_parser("list", help="data sets, where they are from, what their licenses allow")
    listing.set_defaults(run=run_list)
    showing = what.add_parser("show", help="a contact sheet, class frequencies, instance counts")
    showing.add_argument("--split", help="default: the last, which is for tests")
    showing.add_argument("--pictures", type=positive, default=12, help="on the sheet (default: 12)")
    showing.add_argument("--out", type=Path, help="the sheet (default: NAME.png)")
    showing.set_defaults(run=run_show)
    checking = what.add_parser("check", help="read everything, write nothing")
    checking.add_argument("--skip-bad", action="store_true", help="only list what would be left out")
    checking.set_defaults(run=run_check)
    for each in (showing, checking):
        each.add_argument("name", metavar="NAME|FOLDER", help="a raw data set by its name, or a prepared folder")
        each.add_argument(
            "--set",
            nargs="+",
            default=[],
            metavar="KEY=VALUE",
            help="a raw one's settings, as in params.yaml: root=raw",
        )
    for each in (listing, showing, checking):
        each.add_argument("--json", action="store_true", help="print JSON")


def run_list(chosen: argparse.Namespace) -> None:
    """Print what each data set is."""
    rows = []
    for name in sorted(DATASETS):
        config = DATASETS.load(name)
        said = {"source": config.source, "license": config.license, "citation": config.citation}
        rows.append({"name": name, **said, "presets": sorted(config.presets)})
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    console = Console()
    for row in rows:
        console.print(f"[bold]{row['name']}[/]", highlight=False)
        said = {"from": row["source"], "license": row["license"], "cite": row["citation"]}
        for title, text in {**said, "presets": ", ".join(row["presets"])}.items():
            if text:
                console.print(Padding(Text(f"{title}: {text}"), (0, 0, 0, 2)))


def run_show(chosen: argparse.Namespace) -> None:
    """Draw the sheet; count all pictures of a prepared data set, or those on the sheet of a raw one.

    Raises:
        SmisError: if the data set cannot be opened, or a picture on the sheet does not fit.
    """
    opened = open_data_set(chosen.name, chosen.set)
    split = chosen.split or list(opened.counts)[-1]
    if split not in opened.counts:
        raise ParamsError(f"{opened.name} has no split {split!r}; there are: {', '.join(opened.counts)}")
    numbers = _spread(opened.counts[split], chosen.pictures)
    samples = [opened.read(split, number) for number in numbers]
    out = chosen.out or Path(f"{opened.name}.png")
    shown = sorted({int(label) for sample in samples for label in np.unique(sample.labels)})
    legend = [(opened.classes[number], opened.palette[number]) for number in shown]
    note = f"{len(samples)} of {_pictures(opened.counts[split])} of {split}"
    rows = [_row(sample, opened.palette) for sample in samples]
    sheet = paint(columns(rows), row_titles=[sample.key for sample in samples], legend=legend, note=note)
    contact_sheet.save(out, sheet)
    of_samples = census.of_samples(samples, classes=len(opened.classes))
    counted = census.of_prepared(opened.prepared)[split] if opened.prepared else of_samples
    _print(opened, {split: counted}, as_json=chosen.json)
    if not chosen.json:
        print(f"{out}: {note}")


def _pictures(count: int) -> str:
    return f"{count:,} picture{'s' * (count != 1)}"


def _spread(count: int, wanted: int) -> list[int]:
    """Take pictures from the beginning to the end, equally far apart."""
    return sorted({number * count // min(wanted, count) for number in range(min(wanted, count))})


def _row(sample: Sample, palette: Sequence[tuple[int, int, int]]) -> list[Captioned]:
    colors = [made_up(1 + number % 255) for number in range(int(sample.instances.max()) + 1)]
    return [
        ("image", sheet_tile(sample.image)),
        ("labels", sheet_tile(color_labels(sample.labels, palette), smooth=False)),
        ("instances", sheet_tile(color_labels(sample.instances, colors), smooth=False)),
    ]


def run_check(chosen: argparse.Namespace) -> None:
    """Read every file of a raw data set, or compare every checksum of a prepared one.

    Raises:
        SmisError: with all that does not fit; where that may be left out, only if nothing is left.
    """
    opened = open_data_set(chosen.name, chosen.set)
    if opened.prepared:
        for split in opened.prepared.splits:
            opened.prepared.split(split).verify()
        counted = census.of_prepared(opened.prepared)
    else:
        assert opened.raw is not None
        counted = census.of_reader(opened.raw)
    found = [problem for each in counted.values() for problem in each.problems]
    problems = [*(opened.raw.problems if opened.raw else ()), *found]
    _print(opened, counted, as_json=chosen.json, problems=[asdict(problem) for problem in problems])
    if problems:
        total = sum(opened.counts.values()) + len(problems) - len(found)
        error = as_error(problems, name=opened.name, pictures=total)
        if not chosen.skip_bad or len(problems) == total:
            raise error
        print(f"would be left out: {error}", file=sys.stderr)


def _print(opened: DataSet, counted: Mapping[str, Census], *, as_json: bool, **more: Any) -> None:
    """Print the census as a table, or as JSON with all there is `more` to say."""
    whole = Census.empty(len(opened.classes))
    for each in counted.values():
        whole.join(each)
    rows = whole.rows(opened.classes)
    if as_json:
        said = {split: {"pictures": each.pictures, "instances": each.instances} for split, each in counted.items()}
        print(json.dumps({"data_set": opened.name, "splits": said, "classes": rows, **more}, indent=2))
        return
    table = Table("id", "class", box=box.SIMPLE)
    for name in ("of pixels", "of pictures"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(str(row["id"]), row["name"], f"{row['pixels']:.2%}", f"{row['pictures']:.1%}")
    Console().print(table)
    for split, each in counted.items():
        mean = each.instances / max(each.pictures, 1)
        print(f"{split}: {_pictures(each.pictures)}, {mean:.1f} instances each, {each.most} at most")
