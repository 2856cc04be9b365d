"""What a person names as a data set: a raw one by its name and settings, or a prepared folder."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smis.core.errors import ParamsError
from smis.core.sample import Sample
from smis.data.shards import Prepared
from smis.datasets.io.protocol import Reader
from smis.datasets.registry import DATASETS


@dataclass(frozen=True)
class DataSet:
    """A data set, raw or prepared."""

    name: str
    classes: Sequence[str]
    palette: Sequence[tuple[int, int, int]]
    counts: Mapping[str, int]
    read: Callable[[str, int], Sample]
    raw: Reader | None
    prepared: Prepared | None


def open_data_set(name: str, settings: Sequence[str]) -> DataSet:
    """Open a prepared folder, or a raw data set by its name and settings (KEY=VALUE); its warnings go to stderr.

    Raises:
        ParamsError: if there is none of that name, or its settings do not fit.
        ShardError: if a prepared folder is broken.
    """
    folder = Path(name)
    if (folder / "index.parquet").is_file():
        prepared = Prepared(folder)
        splits = {split: prepared.split(split) for split in prepared.splits}
        counts = {split: len(found) for split, found in splits.items()}
        found = prepared.dataset, prepared.classes, prepared.palette, counts
        return DataSet(*found, lambda split, number: splits[split][number], None, prepared)
    if name not in list(DATASETS):
        there = ", ".join(sorted(DATASETS))
        raise ParamsError(f"{name!r} is no prepared folder and no data set; there are: {there}")
    section = dict(_setting(each) for each in settings)
    config = DATASETS.load(name).check(section, source="--set", at=f"datasets.{name}")
    reader: Reader = config.build()
    for warning in reader.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    counts = {split: reader.count(split) for split in reader.splits}
    return DataSet(name, reader.classes, reader.palette, counts, reader.read, reader, None)


def _setting(given: str) -> tuple[str, Any]:
    key, equals, value = given.partition("=")
    if not equals:
        raise ParamsError(f"--set {given}: write KEY=VALUE, for example root=raw/cityscapes or size=[256,512]")
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
