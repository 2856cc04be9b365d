"""What a person names as pictures in which one part alone was drawn anew, and as the maps that say where it is."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from smis.cli.sources import is_prepared, open_groups, open_source
from smis.core.errors import LabelError, ParamsError
from smis.data.samples import read_samples
from smis.data.shards import Prepared
from smis.metrics import image_files
from smis.metrics.image_files import Source

_PART = re.compile(r"(class|instance)-(\d+)")
_INSTANCES = "instances.arrow"

T = TypeVar("T")
Map = Int[Tensor, "h w"]
Area = Bool[Tensor, "h w"]


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


class Maps:
    """Where the parts are: label maps for classes, instance maps for instances, both of a prepared data set.

    What is of classes `ignore` does not count; those that a prepared data set ignores, if no others are given.

    Raises:
        ParamsError: if there are instances, but no instance maps.
        LabelError: if there are no maps, or a part is in none of them.
    """

    def __init__(
        self, parts: Sequence[Part], labels: Path, *, instances: Path | None, split: str, ignore: Sequence[int]
    ) -> None:
        self.ignore = ignored(labels, ignore)
        self._of = {"class": open_maps(labels, split=split)}
        alone = next((part for part in parts if part.kind == "instance"), None)
        if alone and not (instances or is_prepared(labels)):
            raise ParamsError(f"{alone.source.title} has instances, but {labels} are label maps; give --instances MAPS")
        if alone:
            self._of["instance"] = open_maps(instances or labels, split=split, field="instances")
        self.parts = [part for part in parts if part.kind != "class" or part.number not in self.ignore]
        for part in self.parts:
            self._check(part)

    def inside(self, part: Part, stem: str) -> Area:
        """Return where the part is, nowhere if it does not count."""
        area = self._area(part, stem)
        if part.kind == "class" or not self.ignore or not area.any():
            return area
        labels = self._of["class"](stem)
        if labels.shape != area.shape:
            size, wanted = (f"{each.shape[0]} x {each.shape[1]}" for each in (area, labels))
            raise LabelError(f"the instance map of {stem} is {size}, but its label map is {wanted}")
        return area & (int(labels[area][0]) not in self.ignore)

    def _area(self, part: Part, stem: str) -> Area:
        return self._of[part.kind](stem) == part.number

    def _check(self, part: Part) -> None:
        if not any(self._area(part, stem).any() for stem in part.groups):
            what = f"{part.kind} {part.number}, of which there are pictures in {part.source.title}"
            raise LabelError(f"no map holds {what}; give the maps that were used")


def ignored(labels: Path, given: Sequence[int]) -> list[int]:
    """Return the classes that do not count: those given, or those that a prepared data set ignores."""
    return sorted(Prepared(labels).ignored if not given and is_prepared(labels) else given)


def map_names(path: Path, split: str) -> dict[str, Path]:
    """Return which label maps there are, in a folder or in a prepared data set, and where each lies."""
    if is_prepared(path):
        return {key: path / key for key in Prepared(path).split(split).keys}
    return image_files.files_by_name(path, error=LabelError)


def open_maps(path: Path, *, split: str, field: str = "labels") -> Callable[[str], Map]:
    """Return what reads the map of a name: from a folder of maps, or from a prepared data set.

    Raises:
        LabelError: if there is no such folder, or (when called) no map of the name.
    """
    if is_prepared(path):
        prepared = Prepared(path).split(split)
        places = {key: number for number, key in enumerate(prepared.keys)}
        return lambda name: torch.from_numpy(getattr(prepared[_at(places, name, path)], field).astype("int64"))
    files = image_files.files_by_name(path, error=LabelError)
    return lambda name: image_files.read_ids(_at(files, name, path))


def _at(places: Mapping[str, T], name: str, path: Path) -> T:
    if name not in places:
        raise LabelError(f"{path} has no map {name!r}, of which there are pictures; give the maps that were used")
    return places[name]
