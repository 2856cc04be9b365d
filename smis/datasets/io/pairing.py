"""Which files belong to one sample: those with the same name. Tables of files take little memory."""

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from smis.core.errors import ParamsError
from smis.core.files import as_bytes, printable
from smis.datasets.io.problems import Problem
from smis.datasets.io.raw_files import MultiRoot, is_junk
from smis.datasets.io.raw_images import Box

SEPARATOR = "\0"
"""Between names in one text: no file name on Linux contains it."""


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """The files of one image."""

    key: str
    image: str
    labels: tuple[str, ...]
    """One map, or the parts that are put together to one."""
    instances: str | None = None
    box: Box | None = None
    """The part of the files that the sample is; None for all of them."""

    @property
    def files(self) -> list[str]:
        """Name all of them."""
        return [self.image, *self.labels, *([self.instances] if self.instances else [])]


class SampleFilesTable:
    """Entries as one text and the places where they end; an object for each would take six times the room."""

    def __init__(self, entries: Iterable[SampleFiles] = ()) -> None:
        self._text, ends = bytearray(), array("q", [0])
        for entry in entries:
            self._text += as_bytes(SEPARATOR.join((entry.key, entry.image, entry.instances or "", *entry.labels)))
            ends.append(len(self._text))
        self._ends = np.array(ends)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[SampleFiles]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> SampleFiles:
        if not 0 <= number < len(self._ends) - 1:
            raise IndexError(number)
        row = self._text[self._ends[number] : self._ends[number + 1]].decode(errors="surrogateescape")
        key, image, instances, *labels = row.split(SEPARATOR)
        return SampleFiles(key, image, tuple(labels), instances or None)


def split_off(samples: SampleFilesTable, count: int, *, seed: int) -> tuple[SampleFilesTable, SampleFilesTable]:
    """Split off the `count` samples whose SHA-256 of `SEED KEY` comes first; return the others, then these."""

    def place(number: int) -> bytes:
        return hashlib.sha256(f"{seed} {samples[number].key}".encode()).digest()

    chosen = set(nsmallest(count, range(len(samples)), key=place))
    others = (entry for number, entry in enumerate(samples) if number not in chosen)
    return SampleFilesTable(others), SampleFilesTable(samples[number] for number in sorted(chosen))


KINDS = ("image", "labels", "instances")


@dataclass(frozen=True)
class FileLayout:
    """How a release names its files: patterns with the groups `split` and `key`, matched at the end of a path."""

    title: str
    image: str
    labels: str
    instances: str | None = None
    unlabeled: bool = False
    """Whether the release has images without a label map; they are left out."""


class PairedFiles(NamedTuple):
    """Images by the release's name of their split, and what is wrong with the names."""

    entries: dict[str, SampleFilesTable]
    problems: list[Problem]


def paired(files: MultiRoot, layouts: Sequence[FileLayout], *, instances: bool) -> PairedFiles:
    """Match every file against the layouts; the one that most images fit is taken.

    Raises:
        ParamsError: if no file is named as any layout has it.
    """
    kinds = KINDS if instances else KINDS[:2]
    patterns = [{kind: compiled_at_end(getattr(layout, kind) or "(?!)") for kind in kinds} for layout in layouts]
    matched: list[list[bytes]] = [[] for _ in layouts]
    for name in files.names():
        if not is_junk(name):
            for rows, of_layout in zip(matched, patterns, strict=True):
                rows += _row(name, of_layout)
    images = [sum(row.split(b"\0", 3)[2] == b"image" for row in rows) for rows in matched]
    if not any(images):
        raise ParamsError(_nothing(files, layouts))
    chosen = images.index(max(images))
    found, rows = PairedFiles({}, []), matched[chosen]
    rows.sort()
    for split, of_split in groupby(map(_fields, rows), key=itemgetter(0)):
        fitting = _fitting(of_split, files, kinds, found.problems, unlabeled=layouts[chosen].unlabeled)
        entries = SampleFilesTable(fitting)
        if entries:
            found.entries[split] = entries
    return found


def _row(name: str, patterns: Mapping[str, re.Pattern[str]]) -> list[bytes]:
    """Give a name that fits as one text: of ten million images, objects take 10 GB."""
    for kind, pattern in patterns.items():
        if match := pattern.fullmatch(name):
            return [as_bytes(SEPARATOR.join((match["split"], match["key"], kind, name)))]
    return []


def _fields(row: bytes) -> list[str]:
    return row.decode(errors="surrogateescape").split(SEPARATOR)


OfKind = Mapping[str, Sequence[str]]
"""The files of one image by their kind; one of each, where nothing is wrong."""


def _fitting(
    rows: Iterable[list[str]], files: MultiRoot, kinds: Sequence[str], problems: list[Problem], *, unlabeled: bool
) -> Iterator[SampleFiles]:
    """Give the images that have all their files; of the others say why."""
    for (split, key), of_key in groupby(rows, key=itemgetter(0, 1)):
        of_kind: dict[str, list[str]] = {kind: [] for kind in kinds}
        for _, _, kind, name in of_key:
            of_kind[kind].append(name)
        if unlabeled and not of_kind["labels"]:
            continue
        why = _misfit(files, key, of_kind)
        if why:
            problems.append(Problem(printable(key), split, why))
        else:
            own = {kind: names[0] for kind, names in of_kind.items()}
            yield SampleFiles(key, own["image"], (own["labels"],), own.get("instances"))


def compiled_at_end(pattern: str) -> re.Pattern[str]:
    """Let a pattern match the end of a path, from the beginning of a name on."""
    return re.compile(rf"(?:\d+:)(?:.*/)?{pattern}")


def _misfit(files: MultiRoot, key: str, of_kind: OfKind) -> str | None:
    """Say what keeps the files of one name from being one image."""
    there = [kind for kind, found in of_kind.items() if found]
    if printable(key) != key:  # a key is text in the prepared format
        return f"{files.title(of_kind[there[0]][0])} has a name in bytes that are not UTF-8; rename it"
    for found in of_kind.values():
        if len(found) > 1:
            titles = " and ".join(files.title(name) for name in found[:2])
            return f"{titles} have one name, {key}; take one of them away"
    missing = [kind for kind in of_kind if kind not in there]
    if not missing:
        return None
    title = files.title(of_kind[there[0]][0])
    if "image" in missing:
        return f"{title} belongs to no picture; take it away, or give it its picture"
    what = " and no ".join({"labels": "label map", "instances": "instance map"}[kind] for kind in missing)
    return f"{title} has no {what} of its name; copy it there, or take the picture away"


def _nothing(files: MultiRoot, layouts: Sequence[FileLayout]) -> str:
    names = [name for name in files.names() if not is_junk(name)]
    wanted = "; or ".join(layout.title for layout in layouts)
    seen = f"there is, for example, {files.title(names[0])}" if names else "there are no files at all"
    remedy = _above(files, names, layouts) or "set root to where they lie"
    return f"no file is named as the data set names its pictures ({wanted}); {seen}; {remedy}"


def _above(files: MultiRoot, names: Sequence[str], layouts: Sequence[FileLayout]) -> str | None:
    """Say that root is one folder too deep, if files would fit with the name of its last folder before theirs."""
    patterns = [compiled_at_end(layout.image) for layout in layouts]
    for name in names:
        place, _, own = name.partition(":")
        root = files.title(name).removesuffix(f"/{own}")
        if any(pattern.fullmatch(f"{place}:{root.rpartition('/')[2]}/{own}") for pattern in patterns):
            return f"{root} seems to be one folder too deep: set root to the folder that it is in"
    return None
