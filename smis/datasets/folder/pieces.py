"""Whole pictures, or the tiles that they are cut into."""

from collections.abc import Iterable

import numpy as np

from smis.core.errors import ImageError
from smis.datasets.io import raw_images
from smis.datasets.io.files import Several
from smis.datasets.io.problems import Problem
from smis.datasets.io.raw_images import Box
from smis.datasets.io.table import Entry, Table


class Pieces:
    """The samples of a split; `problems` are pictures that cannot be cut."""

    def __init__(self, entries: Iterable[Entry], split: str, *, files: Several, tile: int | None, stride: int) -> None:
        self._entries, self._tile = Table(entries), tile
        self.problems: list[Problem] = []
        corners: list[tuple[int, int, int]] = []
        for number, entry in enumerate(self._entries if tile else ()):
            try:
                corners += [(number, top, left) for top, left in _corners(files, entry, tile=tile or 0, stride=stride)]
            except ImageError as error:
                self.problems.append(Problem(entry.key, split, str(error)))
        self._corners = np.array(corners, dtype=np.int32).reshape(-1, 3)
        """Of each tile: which picture, top, left."""

    def __len__(self) -> int:
        return len(self._corners) if self._tile else len(self._entries)

    def __getitem__(self, index: int) -> tuple[str, Entry, Box | None]:
        """Return a sample's key, its files, and the part of them that it is."""
        if self._tile is None:
            entry = self._entries[index]
            return entry.key, entry, None
        number, top, left = self._corners[index].tolist()
        entry = self._entries[number]
        return f"{entry.key}@{top},{left}", entry, (left, top, left + self._tile, top + self._tile)


def _corners(files: Several, entry: Entry, *, tile: int, stride: int) -> list[tuple[int, int]]:
    height, width = raw_images.image_size(files, entry.image, upright=True)
    if min(height, width) < tile:
        title = files.title(entry.image)
        raise ImageError(f"{title} is {height} x {width}, too small for a tile of {tile}; make tile smaller")
    lefts = _starts(width, tile, stride=stride)
    return [(top, left) for top in _starts(height, tile, stride=stride) for left in lefts]


def _starts(length: int, tile: int, *, stride: int) -> list[int]:
    """Step over a side; the last tile ends where the picture ends, so that nothing is left out."""
    starts = list(range(0, length - tile + 1, stride))
    return starts if starts[-1] == length - tile else [*starts, length - tile]
