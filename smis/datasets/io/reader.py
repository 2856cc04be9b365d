"""The files of an official data set -> samples of one size."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np
from numpy import ndarray

from smis.core.errors import ParamsError
from smis.core.sample import Sample
from smis.datasets.io.files import Files, Several
from smis.datasets.io.maps import Maps, one_map
from smis.datasets.io.problems import Problem, as_error
from smis.datasets.io.raw_images import read_image, resize_ids, resize_image
from smis.datasets.io.section import OF_FILES, TEST, TRAIN, VALIDATION, Section
from smis.datasets.io.table import Table


@dataclass(frozen=True)
class Classes:
    """What the ids of a data set mean."""

    names: Sequence[str]
    palette: Sequence[tuple[int, int, int]]
    ignored: Sequence[int] = ()
    """Ids that no metric counts."""


@dataclass(frozen=True)
class Release:
    """What a data set's own code finds: its files by our splits, and how a label map is read from them."""

    name: str
    files: Several
    entries: Mapping[str, Table]
    problems: Sequence[Problem] = ()
    read_labels: Callable[[Files, Sequence[str]], ndarray] = one_map
    sizes_agree: bool = True
    """False where maps are smaller than their pictures, but of their shape."""


class Reader:
    """Reads pictures one by one, by split and number."""

    def __init__(self, release: Release, section: Section, classes: Classes) -> None:
        check_relabel(section.relabel, name=release.name, classes=len(classes.names))
        self.classes, self.palette, self.ignored = list(classes.names), list(classes.palette), classes.ignored
        self.problems, self.warnings = release.problems, miscounted(release, section.published)
        self.crop = section.size if section.load_size else None
        self._files, self._section = release.files, section
        self._maps = Maps(
            release.files,
            len(self.classes),
            section.instances,
            section.relabel,
            remedy=f'is {{high}} "don\'t care"? set datasets.{release.name}.relabel: {{{{{{high}}: 0}}}}',
            read_labels=release.read_labels,
            sizes_agree=release.sizes_agree,
        )
        self._entries = held_out(release, count=section.validation, seed=section.seed)
        names = (name for entries in self._entries.values() for entry in entries for name in entry.files)
        self.fingerprint = f"{release.files.stamp(names)} {section.model_dump_json()}"
        self.settings = section.model_dump_json(exclude=OF_FILES)

    @property
    def splits(self) -> tuple[str, ...]:
        """Name the splits that have pictures."""
        return tuple(self._entries)

    def count(self, split: str) -> int:
        """Return the number of samples in a split."""
        return len(self._entries[split])

    def key(self, split: str, index: int, /) -> str:
        """Name a sample."""
        return self._entries[split][index].key

    def source(self, split: str, index: int, /) -> str:
        """Name a sample, its split and its files, with what changes when they do."""
        entry = self._entries[split][index]
        return f"{split} {entry.key} {self._files.stamp(entry.files)}"

    def read(self, split: str, index: int, /) -> Sample:
        """Read one sample.

        Raises:
            ImageError, LabelError: if one of its files is broken or does not fit the others.
        """
        entry, section = self._entries[split][index], self._section
        size = section.load_size if split == TRAIN and section.load_size else section.size
        image = read_image(self._files, entry.image)
        labels, given = self._maps.read(entry, size=(image.height, image.width))
        labels = resize_ids(labels, size)
        given = None if given is None else resize_ids(given, size)
        return Sample(
            key=entry.key,
            split=split,
            image=resize_image(image, size),
            labels=labels.astype(np.uint8),
            instances=self._maps.instances(labels, given, entry),
        )


def check_relabel(relabel: Mapping[int, int], *, name: str, classes: int) -> None:
    """Refuse to make an id what is no class, once and not for each picture.

    Raises:
        ParamsError: with the id.
    """
    for old, new in relabel.items():
        if new >= classes:
            allowed = f"the data set has {classes} classes (0 to {classes - 1})"
            raise ParamsError(f"datasets.{name}.relabel makes {old} the class {new}, but {allowed}; give one of them")


def held_out(release: Release, *, count: int, seed: int) -> dict[str, Table]:
    """Take pictures for validation from those for training, where the release has no third split.

    Raises:
        ParamsError, DataError: if nothing is left to train on.
    """
    train, taken, test = (release.entries.get(split, Table()) for split in (TRAIN, VALIDATION, TEST))
    if not taken and count:
        if count >= len(train):
            if release.problems:
                raise as_error(release.problems, name=release.name, pictures=len(release.problems) + len(train))
            there = f"there are {len(train)} training pictures"
            raise ParamsError(f"datasets.{release.name}.validation is {count}, but {there}; leave some to train on")

        def place(number: int) -> bytes:
            return hashlib.sha256(f"{seed} {train[number].key}".encode()).digest()

        chosen = set(nsmallest(count, range(len(train)), key=place))
        taken = Table(train[number] for number in sorted(chosen))
        train = Table(entry for number, entry in enumerate(train) if number not in chosen)
    divided = {TRAIN: train, VALIDATION: taken, TEST: test}
    return {split: found for split, found in divided.items() if found}


def miscounted(release: Release, published: Mapping[str, int]) -> list[str]:
    """Say where there are more or fewer pictures than the release has."""
    counts = {split: len(found) for split, found in release.entries.items()}
    counts["all"] = sum(counts.values())
    return [
        f"{release.name} has {found:,} {'picture' if found == 1 else 'pictures'} in {split}, but {wanted:,} are "
        "published; is the download whole?"
        for split, wanted in published.items()
        if (found := counts.get(split, 0)) != wanted
    ]
