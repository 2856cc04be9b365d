"""`smis data list | show | check`: list data sets, show one on a contact sheet, check its files."""

import argparse
import json
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
from smis.cli.arguments import nonempty_path, positive
from smis.cli.census import Census
from smis.cli.image_output import sheet_tile
from smis.cli.image_sets import is_prepared
from smis.core import contact_sheet
from smis.core.contact_sheet import Captioned, color_labels, columns, paint
from smis.core.errors import ParamsError
from smis.core.images import voc_color
from smis.core.messages import escape, report
from smis.core.sample import Sample
from smis.data.shards import Prepared
from smis.datasets.dataset_registry import DATASETS
from smis.datasets.io.problems import as_error
from smis.datasets.io.protocol import DatasetReader

DataSet = DatasetReader | Prepared
"""A data set, raw or prepared."""


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("data")
    what = parser.add_subparsers(required=True, metavar="what")
    listing = what.add_parser("list", help="data sets with source, license and citation")
    listing.set_defaults(run=run_list)
    showing = what.add_parser("show", help="write a contact sheet, print class frequencies and instance counts")
    showing.add_argument("--split", help="default: the last, usually the test split")
    showing.add_argument(
        "--images", type=positive(1000), default=12, help="number of images on the sheet (default: 12)"
    )
    showing.add_argument("--out", type=nonempty_path, help="file of the sheet (default: NAME.png)")
    showing.set_defaults(run=run_show)
    checking = what.add_parser("check", help="read every file, write nothing")
    checking.add_argument(
        "--skip-bad", action="store_true", help="only warn about samples that `prepare` would leave out"
    )
    checking.set_defaults(run=run_check)
    for each in (showing, checking):
        each.add_argument("name", metavar="NAME|FOLDER", help="name of a raw data set, or a prepared folder")
        each.add_argument(
            "--set",
            nargs="+",
            default=[],
            metavar="KEY=VALUE",
            help="settings of a raw data set, as in params.yaml: root=raw",
        )
    for each in (listing, showing, checking):
        each.add_argument("--json", action="store_true", help="print JSON")


def run_list(options: argparse.Namespace) -> None:
    """Print what each data set is."""
    rows = []
    for name in sorted(DATASETS):
        config = DATASETS.load(name)
        about = {"source": config.source, "license": config.license, "citation": config.citation}
        rows.append({"name": name, **about, "presets": sorted(config.presets)})
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    console = Console()
    for row in rows:
        console.print(f"[bold]{row['name']}[/]", highlight=False)
        lines = {"from": row["source"], "license": row["license"], "cite": row["citation"]}
        for title, text in {**lines, "presets": ", ".join(row["presets"])}.items():
            if text:
                console.print(Padding(Text(f"{title}: {text}"), (0, 0, 0, 2)))


def run_show(options: argparse.Namespace) -> None:
    """Write the sheet; count all images of a prepared data set, or those on the sheet of a raw one.

    Raises:
        SmisError: if the data set cannot be opened, or an image on the sheet does not fit.
    """
    name, opened = open_data_set(options.name, options.set)
    split = options.split or opened.splits[-1]
    if split not in opened.splits:
        raise ParamsError(f"{name} has no split {split!r}; there are: {', '.join(opened.splits)}")
    count = _count(opened, split)
    samples = _read(opened, split, _spread(count, options.images))
    out = options.out or Path(f"{name}.png")
    shown = sorted({int(label) for sample in samples for label in np.unique(sample.labels)})
    legend = [(opened.classes[number], opened.palette[number]) for number in shown]
    note = f"{len(samples)} of {_count_images(count)} of {split}"
    rows = [_row(sample, opened.palette) for sample in samples]
    sheet = paint(columns(rows), row_titles=[sample.key for sample in samples], legend=legend, note=note)
    contact_sheet.save(out, sheet)
    of_samples = census.of_samples(samples, classes=len(opened.classes))
    counted = census.of_prepared(opened)[split] if isinstance(opened, Prepared) else of_samples
    _print(name, opened.classes, {split: counted}, as_json=options.json)
    if not options.json:
        print(f"{escape(str(out))}: {note}")


def _count_images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"


def _spread(count: int, limit: int) -> list[int]:
    """Return numbers of images, equally far apart."""
    return sorted({number * count // min(limit, count) for number in range(min(limit, count))})


def _row(sample: Sample, palette: Sequence[tuple[int, int, int]]) -> list[Captioned]:
    colors = [voc_color(1 + number % 255) for number in range(int(sample.instances.max()) + 1)]
    return [
        ("image", sheet_tile(sample.image)),
        ("labels", sheet_tile(color_labels(sample.labels, palette), smooth=False)),
        ("instances", sheet_tile(color_labels(sample.instances, colors), smooth=False)),
    ]


def run_check(options: argparse.Namespace) -> None:
    """Read every file of a raw data set, or compare every checksum of a prepared one.

    Raises:
        SmisError: with all problems; with --skip-bad, only if no sample is left.
    """
    name, opened = open_data_set(options.name, options.set)
    if isinstance(opened, Prepared):
        for split in opened.splits:
            opened.split(split).verify()
        counted, missing = census.of_prepared(opened), []
    else:
        counted, missing = census.of_reader(opened), opened.problems
    problems = [*missing, *(problem for each in counted.values() for problem in each.problems)]
    _print(name, opened.classes, counted, as_json=options.json, problems=[asdict(problem) for problem in problems])
    if problems:
        total = sum(_count(opened, split) for split in opened.splits) + len(missing)
        error = as_error(problems, name=name, pictures=total)
        if not options.skip_bad or len(problems) == total:
            raise error
        report(f"would be left out: {error}")


def _print(name: str, classes: Sequence[str], counted: Mapping[str, Census], *, as_json: bool, **fields: Any) -> None:
    """Print the census as a table, or as JSON with additional fields."""
    whole = Census.empty(len(classes))
    for each in counted.values():
        whole.merge(each)
    rows = whole.rows(classes)
    if as_json:
        splits = {split: {"pictures": each.images, "instances": each.instances} for split, each in counted.items()}
        print(json.dumps({"data_set": name, "splits": splits, "classes": rows, **fields}, indent=2))
        return
    table = Table("id", "class", box=box.SIMPLE)
    for share in ("of pixels", "of images"):
        table.add_column(share, justify="right")
    for row in rows:
        table.add_row(str(row["id"]), escape(row["name"]), f"{row['pixels']:.2%}", f"{row['pictures']:.1%}")
    Console(markup=False, emoji=False).print(table)
    for split, each in counted.items():
        mean = each.instances / max(each.images, 1)
        print(f"{split}: {_count_images(each.images)}, {mean:.1f} instances each, {each.most} at most")


def open_data_set(name: str, settings: Sequence[str]) -> tuple[str, DataSet]:
    """Return name and content of a prepared folder, or of a raw data set with settings KEY=VALUE; prints its warnings.

    Raises:
        ParamsError: if there is none of that name, or its settings do not fit.
        ShardError: if a prepared folder is broken.
    """
    folder = Path(name)
    if name and is_prepared(folder):
        prepared = Prepared(folder)
        return prepared.dataset, prepared
    if name not in list(DATASETS):
        names = ", ".join(sorted(DATASETS))
        raise ParamsError(f"{name!r} is no prepared folder and no data set; there are: {names}")
    section = dict(_setting(setting) for setting in settings)
    config = DATASETS.load(name).check(section, source="--set", at=f"datasets.{name}")
    reader: DatasetReader = config.build()
    for warning in reader.warnings:
        report(f"warning: {warning}")
    return name, reader


def _count(opened: DataSet, split: str) -> int:
    return len(opened.split(split)) if isinstance(opened, Prepared) else opened.count(split)


def _read(opened: DataSet, split: str, numbers: Sequence[int]) -> list[Sample]:
    if isinstance(opened, Prepared):
        samples = opened.split(split)
        return [samples[number] for number in numbers]
    return [opened.read(split, number) for number in numbers]


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ParamsError(f"--set {text}: write KEY=VALUE, for example root=raw/cityscapes or size=[256,512]")
    return key, _value(value)


def _value(text: str) -> Any:
    """Read JSON, or a list or mapping of plain words as YAML has them: [sky, tree], {255: 0}."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        parts = [part.strip() for part in text[1:-1].split(",")]
        if text.startswith("[") and text.endswith("]"):
            return [_value(part) for part in parts]
        if text.startswith("{") and text.endswith("}"):
            return {key.strip(): _value(value.strip()) for key, _, value in (part.partition(":") for part in parts)}
        return text
