"""Image sets named on a command line: folders, Arrow files of samples, prepared data; with the regions that vary."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from smis.core.errors import ImageError, LabelError, ParamsError
from smis.core.images import ENDINGS
from smis.core.shapes import ImageArray, size_text
from smis.data.samples import read_samples
from smis.data.shards import Prepared
from smis.metrics import image_files
from smis.metrics.image_files import Source

_NUMBERED = re.compile(r"(?P<stem>.+)_(?P<number>\d+)")
_LAST = re.compile(r".*?(\d+)")
_REGION = re.compile(r"(class|instance)-(\d+)")
_INSTANCES = "instances.arrow"

Map = Int[Tensor, "h w"]
Area = Bool[Tensor, "h w"]


def is_prepared(path: Path) -> bool:
    """Return whether a folder is a prepared data set."""
    return (path / "index.parquet").is_file()


def open_source(path: Path, *, split: str = "test") -> Source:
    """Open a folder of images, `samples/*.arrow`, or one split of a prepared folder.

    Raises:
        ParamsError: if it does not exist.
        ImageError: if it contains no images.
        ShardError: if an Arrow file is broken.
    """
    if path.suffix == ".arrow" and path.is_file():
        table = read_samples(path)
        if not len(table):
            raise ImageError(f"there is no image in {path}; give a file that has samples")
        names = [f"{key}_{sample:02d}" for key, sample in zip(table.keys, table.sample.tolist(), strict=True)]
        return Source(names, lambda number: table.image[number], str(path))
    if is_prepared(path):
        pairs = Prepared(path).split(split)
        return Source(pairs.keys.tolist(), lambda number: pairs[number].image, f"{path} ({split})")
    if not path.exists():
        raise ParamsError(f"there is no {path}; give a folder of images, a prepared data set, or an Arrow file")
    return image_files.folder(path)


def open_named(path: Path, *, split: str) -> tuple[dict[str, Path], Callable[[str], ImageArray]]:
    """Return the paths of images by name, and a function that reads one."""
    source = open_source(path, split=split)
    numbers = {name: number for number, name in enumerate(source.names)}
    plain = path.is_dir() and not is_prepared(path)
    places = image_files.files_by_name(path) if plain else {name: path / name for name in numbers}
    return places, lambda name: source.read(numbers[name])


def open_groups(path: Path) -> tuple[Source, Mapping[str, Sequence[int]]]:
    """Open images grouped by label map: sub-folders, STEM_NN.png, or the keys of an Arrow file.

    Images of one group are in the order of their numbers, which decides the pairs of neighbors.

    Raises:
        ParamsError: if a name has no number, or groups differ in size or have one image only.
    """
    inside = _sub_folders(path)
    source, groups = _by_folder(inside, path) if inside else _by_stem(path)
    _check_even(groups, source)
    return source, groups


def _sub_folders(path: Path) -> list[Source]:
    """Open the sub-folders of a folder, except hidden ones.

    Raises:
        ParamsError: if there are samples beside them, so that it is unclear which count.
    """
    places = sorted(path.iterdir()) if path.is_dir() else []
    inside = [place for place in places if place.is_dir() and not place.name.startswith(".")]
    loose = [file for file in places if file.suffix.lower() in ENDINGS and _NUMBERED.fullmatch(file.stem)]
    if inside and loose:
        raise ParamsError(f"{path} has both {loose[0].name} and the folder {inside[0].name}; keep one kind of them")
    return [image_files.folder(place) for place in inside]


def _by_folder(inside: Sequence[Source], path: Path) -> tuple[Source, Mapping[str, Sequence[int]]]:
    places = [(source, number) for source in inside for number in _in_order(source.names)]
    names = [f"{source.title}/{source.names[number]}" for source, number in places]
    groups: dict[str, list[int]] = {}
    for place, (source, _) in enumerate(places):
        groups.setdefault(Path(source.title).name, []).append(place)
    return Source(names, lambda place: places[place][0].read(places[place][1]), str(path)), groups


def _in_order(names: Sequence[str]) -> Sequence[int]:
    """Order by the last number in the name where all have one, so that 10 comes after 2."""
    matches = [_LAST.fullmatch(name) for name in names]
    numbers = [int(match[1]) for match in matches if match]
    return range(len(names)) if len(numbers) < len(names) else sorted(range(len(names)), key=numbers.__getitem__)


def _by_stem(path: Path) -> tuple[Source, Mapping[str, Sequence[int]]]:
    source = open_source(path)
    groups: dict[str, list[tuple[int, int]]] = {}
    for place, name in enumerate(source.names):
        match = _NUMBERED.fullmatch(name)
        if not match:
            remedy = "samples of one label map are STEM_00.png, STEM_01.png, ..."
            raise ParamsError(f"{name} of {path} has no number; {remedy}")
        groups.setdefault(match["stem"], []).append((int(match["number"]), place))
    return source, {stem: [place for _, place in sorted(members)] for stem, members in groups.items()}


def _check_even(groups: Mapping[str, Sequence[int]], source: Source) -> None:
    first, *_ = groups.items()
    for stem, numbers in groups.items():
        if len(numbers) < 2:
            only = source.names[numbers[0]]
            raise ParamsError(f"{stem} has only 1 image, {only}; diversity needs 2 or more of each label map")
        if len(numbers) != len(first[1]):
            expected = f"{first[0]} has {len(first[1])}"
            raise ParamsError(f"{stem} has {len(numbers)} images, but {expected}; give equally many of each label map")


@dataclass(frozen=True)
class ResampledRegion:
    """Images in which one class, or one instance, alone was resampled: indices of the source by label map."""

    kind: str
    number: int
    source: Source
    groups: Mapping[str, Sequence[int]]


def open_regions(folder: Path) -> list[ResampledRegion]:
    """Open `class-3/` and `instance-7/` (folders as for diversity), `class-3.arrow` and `instances.arrow`.

    Raises:
        ParamsError: if there is none of them.
    """
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    regions = [region for path in paths for region in _regions(path)]
    if not regions:
        raise ParamsError(f"{folder} has no class-ID or instance-ID; give a folder with one of them for each part")
    return regions


def _regions(path: Path) -> Iterator[ResampledRegion]:
    match = _REGION.fullmatch(path.stem)
    if match:
        yield ResampledRegion(match[1], int(match[2]), *open_groups(path))
    elif path.name == _INSTANCES:
        groups: dict[int, dict[str, list[int]]] = {}
        for (key, number), rows in read_samples(path).groups().items():
            groups.setdefault(number, {})[key] = rows
        source = open_source(path)
        yield from (ResampledRegion("instance", number, source, by_key) for number, by_key in groups.items())


class RegionMaps:
    """Where regions are: label maps for classes, instance maps for instances, or a prepared data set for both.

    Classes in `ignore` do not count; by default those that a prepared data set ignores.

    Raises:
        ParamsError: if there are instances, but no instance maps.
        LabelError: if there are no maps, or a region is in none of them.
    """

    def __init__(
        self,
        regions: Sequence[ResampledRegion],
        labels: Path,
        *,
        instances: Path | None,
        split: str,
        ignore: Sequence[int],
    ) -> None:
        self.ignore = ignored(labels, ignore)
        self._of = {"class": open_maps(labels, split=split)[1]}
        instance_region = next((region for region in regions if region.kind == "instance"), None)
        if instance_region and not (instances or is_prepared(labels)):
            raise ParamsError(
                f"{instance_region.source.title} has instances, but {labels} are label maps; give --instances MAPS"
            )
        if instance_region:
            _, self._of["instance"] = open_maps(instances or labels, split=split, field="instances")
        self.regions = [region for region in regions if region.kind != "class" or region.number not in self.ignore]
        for region in self.regions:
            self._check(region)

    def inside(self, region: ResampledRegion, stem: str) -> Area:
        """Return the mask of a region; empty if it does not count."""
        area = self._area(region, stem)
        if region.kind == "class" or not self.ignore or not area.any():
            return area
        labels = self._of["class"](stem)
        if labels.shape != area.shape:
            size, expected = size_text(area.shape), size_text(labels.shape)
            raise LabelError(f"the instance map of {stem} is {size}, but its label map is {expected}")
        return area & (int(labels[area][0]) not in self.ignore)

    def _area(self, region: ResampledRegion, stem: str) -> Area:
        return self._of[region.kind](stem) == region.number

    def _check(self, region: ResampledRegion) -> None:
        if not any(self._area(region, stem).any() for stem in region.groups):
            name = f"{region.kind} {region.number}, of which there are images in {region.source.title}"
            raise LabelError(f"no map has {name}; give the maps that were used")


def ignored(labels: Path, given: Sequence[int]) -> list[int]:
    """Return the given ids of ignored classes, by default those of a prepared data set."""
    return sorted(Prepared(labels).ignored if not given and is_prepared(labels) else given)


def open_maps(path: Path, *, split: str, field: str = "labels") -> tuple[dict[str, Path], Callable[[str], Map]]:
    """Return the paths of maps by name, and a function that reads one, of a folder or a prepared data set.

    Raises:
        LabelError: if there is no such folder, or (when called) no map of the name.
    """
    if is_prepared(path):
        prepared = Prepared(path).split(split)
        numbers = {key: number for number, key in enumerate(prepared.keys)}
        places = {key: path / key for key in numbers}
    else:
        prepared, numbers = None, {}
        places = image_files.files_by_name(path, error=LabelError)

    def read(name: str) -> Map:
        if name not in places:
            raise LabelError(f"{path} has no map {name!r}, of which there are images; give the maps that were used")
        if prepared is None:
            return image_files.read_ids(places[name])
        return torch.from_numpy(getattr(prepared[numbers[name]], field).astype("int64"))

    return places, read
