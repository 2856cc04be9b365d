"""What a person names as pictures in which one part alone was drawn anew, and as the maps that say where it is."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from smis.cli.sources import open_groups, open_source
from smis.core.errors import LabelError, ParamsError
from smis.data.samples import read_samples
from smis.data.shards import Prepared
from smis.metrics import pictures
from smis.metrics.pictures import Source

_PART = re.compile(r"(class|instance)-(\d+)")
_INSTANCES = "instances.arrow"

T = TypeVar("T")
Map = Int[Tensor, "h w"]


@dataclass(frozen=True)
class Part:
    """Pictures in which one class, or one instance, alone was drawn anew: numbers of the source, by label map."""

    kind: str
    number: int
    source: Source
    groups: Mapping[str, Sequence[int]]


def open_parts(folder: Path) -> list[Part]:
    """Open `class-3/`, `instance-7/` (of pictures, as for diversity), `class-3.arrow` and `instances.arrow`.

    Raises:
        ParamsError: if there is none of them.
    """
    places = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [part for place in places for part in _parts(place)]
    if not found:
        raise ParamsError(f"{folder} has no class-ID or instance-ID; give a folder with one of them for each part")
    return found


def _parts(place: Path) -> Iterator[Part]:
    named = _PART.fullmatch(place.stem)
    if named:
        yield Part(named[1], int(named[2]), *open_groups(place))
    elif place.name == _INSTANCES:
        table, source = read_samples(place), open_source(place)
        rows: dict[int, dict[str, list[int]]] = {}
        for row, (key, number) in enumerate(zip(table.keys, table.resampled.tolist(), strict=True)):
            rows.setdefault(number, {}).setdefault(key, []).append(row)
        yield from (Part("instance", number, source, groups) for number, groups in rows.items())


def open_maps(path: Path, *, split: str, field: str = "labels") -> Callable[[str], Map]:
    """Return what reads the map of a name: from a folder of maps, or from a prepared data set.

    Raises:
        LabelError: if there is no such folder, or (when called) no map of the name.
    """
    if (path / "index.parquet").is_file():
        prepared = Prepared(path).split(split)
        places = {key: number for number, key in enumerate(prepared.keys)}
        return lambda name: torch.from_numpy(getattr(prepared[_at(places, name, path)], field).astype("int64"))
    files = pictures.files_by_name(path, error=LabelError)
    return lambda name: pictures.read_ids(_at(files, name, path))


def _at(places: Mapping[str, T], name: str, path: Path) -> T:
    if name not in places:
        raise LabelError(f"{path} has no map {name!r}, of which there are pictures; give the maps that were used")
    return places[name]
