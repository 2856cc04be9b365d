"""Image files and their maps -> samples of one size: what settings of such data sets share, and their reader."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy import ndarray
from PIL import Image
from pydantic import Field, field_validator, model_validator

from smis.core.config import Config
from smis.core.images import Color
from smis.core.sample import Sample
from smis.datasets.io.pairing import SampleFiles, SampleFilesTable
from smis.datasets.io.problems import Problem
from smis.datasets.io.raw_images import Box, Size, read_image, resize_ids, resize_image
from smis.datasets.io.raw_maps import MapReader

Side = Annotated[int, Field(gt=0)]

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_OF_FILES = {"root", "version", "validation", "test"}
"""Fields of a data set that say where files are and which splits they belong to, and not what becomes of one."""


class FilesConfig(Config):
    """Settings of a data set that lies in files."""

    source: ClassVar[str]
    """Where the data comes from."""
    license: ClassVar[str]
    """What it may be used for; nothing of it is redistributed here."""
    citation: ClassVar[str]

    root: str | list[str]
    """A folder, a zip or tar file, s3://BUCKET/PREFIX, or several of them."""
    version: str = ""
    """Which raw data this is, for example the md5 in its .dvc file: with another, DVC prepares anew."""

    if TYPE_CHECKING:  # declared by each data set: another order of the fields is another fingerprint
        size: tuple[Side, Side]
        load_size: tuple[Side, Side] | None

    @field_validator("root")
    @classmethod
    def _names_places(cls, root: str | list[str]) -> str | list[str]:
        places = [root] if isinstance(root, str) else root
        if not places or "" in places:
            raise ValueError(
                "a place is empty; give the folder or archive of the data set, or . for the current folder"
            )
        return root

    @model_validator(mode="after")
    def _loads_what_is_cut(self) -> "FilesConfig":
        if self.load_size is not None and (self.load_size[0] < self.size[0] or self.load_size[1] < self.size[1]):
            sizes = f"load_size {list(self.load_size)} is smaller than size {list(self.size)}"
            raise ValueError(f"{sizes}, which is cut from it; load larger")
        return self


@dataclass(frozen=True)
class ClassTable:
    """What the ids of a data set mean."""

    names: Sequence[str]
    palette: Sequence[tuple[int, int, int]]
    ignored: Sequence[int] = ()
    """Ids that no metric counts."""


_LINE = re.compile(r"(?P<name>.*?)(?:\s+(?P<color>\d+\s+\d+\s+\d+))?")


def parse_classes(lines: Sequence[str]) -> tuple[list[str], list[Color]]:
    """Read `name` or `name red green blue` (0 to 255) in each line, whose number is the id; others are left out.

    Example:
        >>> parse_classes(["sky 70 130 180", "traffic light 250 170 30"])
        (['sky', 'traffic light'], [(70, 130, 180), (250, 170, 30)])
    """
    found = [match for line in lines if (match := _LINE.fullmatch(line)) and match["name"]]
    rows = [(match["name"], [int(part) for part in (match["color"] or "").split()]) for match in found]
    rows = [(name, color) for name, color in rows if max(color, default=0) <= 255]
    return [name for name, _ in rows], [(color[0], color[1], color[2]) for _, color in rows if color]


def read_classes(path: Path) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    """Read the names and colors of a data set's classes beside its code."""
    names, colors = parse_classes(path.read_text(encoding="utf-8").splitlines())
    return tuple(names), tuple(colors)


FindBox = Callable[[ndarray, Size], Box]
"""Finds the part of an image that its sample is, by its label map and the size that it gets."""


class FileReader:
    """Reads samples one by one, by split and number; it travels to other processes as it is.

    Args:
        samples: The files of each split's samples.
        stamp: Changes when any of the files may have changed.
        upright: Whether images are turned as their EXIF says.
        find_box: Finds the part of each image that its sample is, where the files do not say it.
        resize_labels: Resizes label maps.
    """

    def __init__(
        self,
        config: FilesConfig,
        classes: ClassTable,
        maps: MapReader,
        *,
        samples: Mapping[str, SampleFilesTable],
        stamp: str,
        problems: Sequence[Problem],
        warnings: Sequence[str] = (),
        upright: bool = False,
        find_box: FindBox | None = None,
        resize_labels: Callable[..., ndarray] = resize_ids,
    ) -> None:
        self.classes, self.palette, self.ignored = list(classes.names), list(classes.palette), classes.ignored
        self.problems, self.warnings = problems, warnings
        self.crop = config.size if config.load_size else None
        self.fingerprint = f"{stamp} {config.model_dump_json()}"
        self.settings = config.model_dump_json(exclude=_OF_FILES)
        self._config, self._maps, self._upright = config, maps, upright
        self._find_box, self._resize_labels = find_box, resize_labels
        self._samples = {split: found for split, found in samples.items() if found}
        self.splits = tuple(self._samples)
        self._latest: tuple[str, tuple[Image.Image, ndarray, ndarray | None]] | None = None

    def count(self, split: str) -> int:
        """Return the number of samples in a split."""
        return len(self._samples[split])

    def key(self, split: str, index: int, /) -> str:
        """Return a sample's key."""
        return self._samples[split][index].key

    def source(self, split: str, index: int, /) -> str:
        """Return split, key and a stamp of the files."""
        entry = self._samples[split][index]
        return f"{split} {entry.key} {self._maps.files.stamp(entry.files)}"

    def read(self, split: str, index: int, /) -> Sample:
        """Read one sample.

        Raises:
            ImageError, LabelError: if one of its files is broken or does not fit the others.
        """
        entry, config = self._samples[split][index], self._config
        size = config.load_size if split == TRAIN and config.load_size else config.size
        image, labels, given = self._opened(entry)
        box = self._find_box(labels, size) if self._find_box else entry.box
        labels = self._resize_labels(labels, size, box=box)
        given = None if given is None else resize_ids(given, size, box=box)
        return Sample(
            key=entry.key,
            split=split,
            image=resize_image(image, size, box=box),
            labels=labels.astype(np.uint8),
            instances=self._maps.instances(labels, given, entry),
        )

    def _opened(self, entry: SampleFiles) -> tuple[Image.Image, ndarray, ndarray | None]:
        """Read an image's files; the last ones are kept, for the next tile of the same image."""
        if self._latest and self._latest[0] == entry.image:
            return self._latest[1]
        image = read_image(self._maps.files, entry.image, upright=self._upright)
        opened = image, *self._maps.read(entry, size=(image.height, image.width))
        self._latest = (entry.image, opened) if entry.box else None
        return opened
