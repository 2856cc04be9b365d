"""What a person names as a set of pictures: a folder of them, an Arrow file of samples, a prepared data set."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from smis.core.errors import ImageError, ParamsError
from smis.core.shapes import Picture
from smis.data.samples import read_samples
from smis.data.shards import Prepared
from smis.metrics import image_files
from smis.metrics.image_files import Source

_NUMBERED = re.compile(r"(?P<stem>.+)_(?P<number>\d+)")
_LAST = re.compile(r".*?(\d+)")


def is_prepared(path: Path) -> bool:
    """Say whether a folder is a prepared data set."""
    return (path / "index.parquet").is_file()


def open_source(path: Path, *, split: str = "test") -> Source:
    """Open a folder of pictures, `samples/*.arrow`, or a prepared folder, of which one split counts.

    Raises:
        ParamsError: if there is nothing of that name.
        ImageError: if a folder or a file has no pictures.
        ShardError: if an Arrow file is broken.
    """
    if path.suffix == ".arrow" and path.is_file():
        table = read_samples(path)
        if not len(table):
            raise ImageError(f"there is no picture in {path}; give a file that has samples")
        names = [f"{key}_{sample:02d}" for key, sample in zip(table.keys, table.sample.tolist(), strict=True)]
        return Source(names, lambda number: table.image[number], str(path))
    if is_prepared(path):
        pairs = Prepared(path).split(split)
        return Source(pairs.keys.tolist(), lambda number: pairs[number].image, f"{path} ({split})")
    if not path.exists():
        raise ParamsError(f"there is no {path}; give a folder of pictures, a prepared data set, or an Arrow file")
    return image_files.folder(path)


def open_named(path: Path, *, split: str) -> tuple[dict[str, Path], Callable[[str], Picture]]:
    """Open the same by name: where each picture lies (in a folder: its file), and how to read one."""
    source = open_source(path, split=split)
    numbers = {name: number for number, name in enumerate(source.names)}
    plain = path.is_dir() and not is_prepared(path)
    places = image_files.files_by_name(path) if plain else {name: path / name for name in numbers}
    return places, lambda name: source.read(numbers[name])


def open_groups(path: Path) -> tuple[Source, Mapping[str, Sequence[int]]]:
    """Open pictures of which many belong to one label map: sub-folders, STEM_NN.png, or an Arrow file's keys.

    Those of one label map are in the order of their numbers: which are neighbors depends on it.

    Raises:
        ParamsError: if a name has no number, or label maps have different numbers of pictures, or only one.
    """
    inside = _sub_folders(path)
    source, groups = _by_folder(inside, path) if inside else _by_stem(path)
    _check_even(groups, source)
    return source, groups


def _sub_folders(path: Path) -> list[Source]:
    """Open the folders of a folder, without the hidden ones that editors and notebooks leave.

    Raises:
        ParamsError: if samples lie beside them, of which it is not clear whether they count.
    """
    places = sorted(path.iterdir()) if path.is_dir() else []
    inside = [place for place in places if place.is_dir() and not place.name.startswith(".")]
    loose = [file for file in places if file.suffix.lower() in image_files.ENDINGS and _NUMBERED.fullmatch(file.stem)]
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
    """Order by the number at the end of the name where all have one, for 10 comes after 2."""
    found = [_LAST.fullmatch(name) for name in names]
    numbers = [int(each[1]) for each in found if each]
    return range(len(names)) if len(numbers) < len(names) else sorted(range(len(names)), key=numbers.__getitem__)


def _by_stem(path: Path) -> tuple[Source, Mapping[str, Sequence[int]]]:
    source = open_source(path)
    groups: dict[str, list[tuple[int, int]]] = {}
    for place, name in enumerate(source.names):
        stem, number = _parsed(name, path)
        groups.setdefault(stem, []).append((number, place))
    return source, {stem: [place for _, place in sorted(members)] for stem, members in groups.items()}


def _parsed(name: str, path: Path) -> tuple[str, int]:
    found = _NUMBERED.fullmatch(name)
    if not found:
        raise ParamsError(f"{name} of {path} has no number; samples of one label map are STEM_00.png, STEM_01.png, ...")
    return found["stem"], int(found["number"])


def _check_even(groups: Mapping[str, Sequence[int]], source: Source) -> None:
    first, *_ = groups.items()
    for stem, numbers in groups.items():
        if len(numbers) < 2:
            only = source.names[numbers[0]]
            raise ParamsError(f"{stem} has only 1 picture, {only}; diversity needs 2 or more of each label map")
        if len(numbers) != len(first[1]):
            wanted = f"{first[0]} has {len(first[1])}"
            raise ParamsError(f"{stem} has {len(numbers)} pictures, but {wanted}; give equally many of each label map")
