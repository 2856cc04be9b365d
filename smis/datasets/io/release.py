"""The published files of a data set -> samples of one size: settings, splits, reader."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Annotated, ClassVar

import numpy as np
from numpy import ndarray
from pydantic import Field, model_validator

from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.core.sample import Sample
from smis.datasets.io.pairing import SampleFilesTable
from smis.datasets.io.problems import Problem, as_error
from smis.datasets.io.raw_files import MultiRoot, RawFiles
from smis.datasets.io.raw_images import read_image, resize_ids, resize_image
from smis.datasets.io.raw_maps import Instances, MapReader, one_map

Side = Annotated[int, Field(gt=0)]
Identity = Annotated[int, Field(ge=0)]

TRAIN, VALIDATION, TEST = "train", "validation", "test"
OF_FILES = {"root", "version", "validation", "test"}
"""Fields of a data set that say where files are and which splits they belong to, and not what becomes of one."""


def check_load_size(load_size: tuple[int, int] | None, size: tuple[int, int]) -> None:
    """Refuse to cut from images what is larger than they are loaded.

    Raises:
        ValueError: with both sizes (height, width).
    """
    if load_size is not None and (load_size[0] < size[0] or load_size[1] < size[1]):
        raise ValueError(
            f"load_size {list(load_size)} is smaller than size {list(size)}, which is cut from it; load larger"
        )


class ReleaseConfig(Config):
    """Resize images with Pillow's bicubic filter and maps with its nearest, as the released code does."""

    source: ClassVar[str]
    """Where the data comes from."""
    license: ClassVar[str]
    """What it may be used for; nothing of it is redistributed here."""
    citation: ClassVar[str]
    published: ClassVar[dict[str, int]] = {}
    """How many images the release has, by split (ours), or in `all`."""

    root: str | list[str]
    """A folder, a zip or tar file, s3://BUCKET/PREFIX, or several of them."""
    version: str = ""
    """Which raw data this is, for example the md5 in its .dvc file: with another, DVC prepares anew."""
    size: tuple[Side, Side]
    """Height and width that systems see (the released `crop_size`); other images than for training are resized to
    it."""
    load_size: tuple[Side, Side] | None = None
    """Training images are resized to this, and in each epoch another place of `size` is cut from them; where null,
    they are resized to `size`."""
    instances: Instances
    relabel: dict[Identity, Identity] = {}
    """Ids in the files that are other classes here: "don't care" has to become one, {255: 0} for example."""
    validation: Annotated[int, Field(ge=0)] = 64
    """Training images that are looked at and never trained on, where the release has no third split."""
    seed: int = 0
    """Decides which images validation takes."""

    @model_validator(mode="after")
    def _fits(self) -> "ReleaseConfig":
        check_load_size(self.load_size, self.size)
        return self


@dataclass(frozen=True)
class ClassTable:
    """What the ids of a data set mean."""

    names: Sequence[str]
    palette: Sequence[tuple[int, int, int]]
    ignored: Sequence[int] = ()
    """Ids that no metric counts."""


@dataclass(frozen=True)
class Release:
    """What a data set's own code finds: its files by our splits, and how a label map is read from them."""

    name: str
    files: MultiRoot
    entries: Mapping[str, SampleFilesTable]
    problems: Sequence[Problem] = ()
    read_labels: Callable[[RawFiles, Sequence[str]], ndarray] = one_map
    sizes_agree: bool = True
    """False where maps are smaller than their images, but of their shape."""


class ReleaseReader:
    """Reads images one by one, by split and number."""

    def __init__(self, release: Release, section: ReleaseConfig, classes: ClassTable) -> None:
        check_relabel(section.relabel, name=release.name, classes=len(classes.names))
        self.classes, self.palette, self.ignored = list(classes.names), list(classes.palette), classes.ignored
        self.problems, self.warnings = release.problems, miscounted(release, section.published)
        self.crop = section.size if section.load_size else None
        self._files, self._section = release.files, section
        self._maps = MapReader(
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
        """Return the splits that have samples."""
        return tuple(self._entries)

    def count(self, split: str) -> int:
        """Return the number of samples in a split."""
        return len(self._entries[split])

    def key(self, split: str, index: int, /) -> str:
        """Return a sample's key."""
        return self._entries[split][index].key

    def source(self, split: str, index: int, /) -> str:
        """Return split, key and a stamp of the files."""
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
    """Refuse to make an id what is no class, once and not for each image.

    Raises:
        ParamsError: with the id.
    """
    for old, new in relabel.items():
        if new >= classes:
            allowed = f"the data set has {classes} classes (0 to {classes - 1})"
            raise ParamsError(f"datasets.{name}.relabel makes {old} the class {new}, but {allowed}; give one of them")


def held_out(release: Release, *, count: int, seed: int) -> dict[str, SampleFilesTable]:
    """Take images for validation from those for training, where the release has no third split.

    Raises:
        ParamsError, DataError: if nothing is left to train on.
    """
    train, taken, test = (release.entries.get(split, SampleFilesTable()) for split in (TRAIN, VALIDATION, TEST))
    if not taken and count:
        if count >= len(train):
            if release.problems:
                raise as_error(release.problems, name=release.name, pictures=len(release.problems) + len(train))
            there = f"there are {len(train)} training pictures"
            raise ParamsError(f"datasets.{release.name}.validation is {count}, but {there}; leave some to train on")

        def place(number: int) -> bytes:
            return hashlib.sha256(f"{seed} {train[number].key}".encode()).digest()

        chosen = set(nsmallest(count, range(len(train)), key=place))
        taken = SampleFilesTable(train[number] for number in sorted(chosen))
        train = SampleFilesTable(entry for number, entry in enumerate(train) if number not in chosen)
    divided = {TRAIN: train, VALIDATION: taken, TEST: test}
    return {split: found for split, found in divided.items() if found}


def miscounted(release: Release, published: Mapping[str, int]) -> list[str]:
    """Say where there are more or fewer images than the release has."""
    counts = {split: len(found) for split, found in release.entries.items()}
    counts["all"] = sum(counts.values())
    return [
        f"{release.name} has {found:,} {'picture' if found == 1 else 'pictures'} in {split}, but {wanted:,} are "
        "published; is the download whole?"
        for split, wanted in published.items()
        if (found := counts.get(split, 0)) != wanted
    ]
