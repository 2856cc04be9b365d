"""What a person names as a set of pictures: a folder of them, an Arrow file of samples, a prepared data set."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from smis.core.errors import ParamsError
from smis.data.samples import read_samples
from smis.data.shards import Prepared
from smis.metrics import pictures
from smis.metrics.pictures import Source

_NUMBERED = re.compile(r"(?P<stem>.+)_\d+")


def open_source(path: Path, *, split: str = "test") -> Source:
    """Open a folder of pictures, `samples/*.arrow`, or a prepared folder, of which one split counts.

    Raises:
        ParamsError: if there is nothing of that name.
        ImageError: if a folder has no pictures.
        ShardError: if an Arrow file is broken.
    """
    if path.suffix == ".arrow" and path.is_file():
        table = read_samples(path)
        names = [f"{key}_{sample:02d}" for key, sample in zip(table.keys, table.sample.tolist(), strict=True)]
        return Source(names, lambda number: table.image[number], str(path))
    if (path / "index.parquet").is_file():
        pairs = Prepared(path).split(split)
        return Source(pairs.keys.tolist(), lambda number: pairs[number].image, f"{path} ({split})")
    if not path.exists():
        raise ParamsError(f"there is no {path}; give a folder of pictures, a prepared data set, or an Arrow file")
    return pictures.folder(path)


def open_groups(path: Path) -> tuple[Source, Mapping[str, Sequence[int]]]:
    """Open pictures of which many belong to one label map: sub-folders, STEM_NN.png, or an Arrow file's keys.

    Raises:
        ParamsError: if a name has no number, or label maps have different numbers of pictures, or only one.
    """
    inside = [pictures.folder(sub) for sub in sorted(path.iterdir()) if sub.is_dir()] if path.is_dir() else []
    groups: dict[str, list[int]] = {}
    if inside:
        places = [(source, number) for source in inside for number in range(len(source))]
        names = [f"{source.title}/{source.names[number]}" for source, number in places]
        for number, (place, _) in enumerate(places):
            groups.setdefault(place.title, []).append(number)
        source = Source(names, lambda number: places[number][0].read(places[number][1]), str(path))
    else:
        source = open_source(path)
        for number, name in enumerate(source.names):
            groups.setdefault(_stem(name, path), []).append(number)
    _check_even(groups, source)
    return source, groups


def _stem(name: str, path: Path) -> str:
    found = _NUMBERED.fullmatch(name)
    if not found:
        raise ParamsError(f"{name} of {path} has no number; samples of one label map are STEM_00.png, STEM_01.png, ...")
    return found["stem"]


def _check_even(groups: Mapping[str, Sequence[int]], source: Source) -> None:
    first, *_ = groups.items()
    for stem, numbers in groups.items():
        if len(numbers) < 2:
            only = source.names[numbers[0]]
            raise ParamsError(f"{stem} has only 1 picture, {only}; diversity needs 2 or more of each label map")
        if len(numbers) != len(first[1]):
            wanted = f"{first[0]} has {len(first[1])}"
            raise ParamsError(f"{stem} has {len(numbers)} pictures, but {wanted}; give equally many of each label map")
