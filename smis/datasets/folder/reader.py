"""Somebody's pictures -> samples of one size."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from PIL import Image

from smis.core.errors import ImageError, LabelError
from smis.core.sample import Sample, check_range
from smis.datasets.folder import files
from smis.datasets.folder.config import Config
from smis.datasets.folder.pairing import Pair, divided, pairs

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""


@dataclass(frozen=True)
class Piece:
    """One sample: a picture, or a tile of it."""

    key: str
    pair: Pair
    box: Box


class Reader:
    """Reads pictures one by one, by split and number; it travels to other processes as it is."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.classes = config.names
        self.palette = config.colours
        found = {pair.key: pair for pair in pairs(config.root)}
        splits = divided(list(found), validation=config.validation, test=config.test, seed=config.seed)
        self._pieces = {
            name: [piece for key in keys for piece in self._cut(found[key])] for name, keys in splits.items()
        }
        self.splits = tuple(splits)
        self._latest: tuple[str, tuple[Image.Image, ndarray, ndarray]] | None = None

    def count(self, split: str) -> int:
        """Return the number of samples in a split."""
        return len(self._pieces[split])

    def read(self, split: str, number: int) -> Sample:
        """Read one sample.

        Raises:
            ImageError, LabelError: if one of its files is broken or does not fit the others.
        """
        piece = self._pieces[split][number]
        height, width = self._config.size
        image, labels, instances = self._opened(piece.pair)
        labels, instances = (_nearest(ids, piece.box, size=(height, width)) for ids in (labels, instances))
        return Sample(
            key=piece.key,
            split=split,
            image=np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box=piece.box)),
            labels=labels.astype(np.uint8),
            instances=_one_class_each(instances, labels),
        )

    def _opened(self, pair: Pair) -> tuple[Image.Image, ndarray, ndarray]:
        """Read a picture's files; the last ones are kept, for the next tile of the same picture."""
        if self._latest is None or self._latest[0] != pair.key:
            image = files.read_image(pair.image)
            self._latest = pair.key, (image, *self._maps(pair, size=(image.height, image.width)))
        return self._latest[1]

    def _maps(self, pair: Pair, *, size: tuple[int, int]) -> tuple[ndarray, ndarray]:
        labels = self._without_ignored(files.read_ids(pair.labels))
        remedy = "" if self._config.ignore is not None else _remedy(int(labels.max()))
        low, high = int(labels.min()), int(labels.max())
        check_range(low, high, name=str(pair.labels), classes=len(self.classes), remedy=remedy)
        instances = files.read_ids(pair.instances) if pair.instances else labels
        for path, ids in ((pair.labels, labels), (pair.instances, instances)):
            if ids.shape != size:
                sizes = " x ".join(map(str, ids.shape)), " x ".join(map(str, size))
                raise LabelError(f"{path} is {sizes[0]}, but {pair.image} is {sizes[1]}; make them of one size")
        return labels, instances

    def _without_ignored(self, labels: ndarray) -> ndarray:
        if self._config.ignore is None:
            return labels
        return np.where(labels == self._config.ignore, len(self._config.classes), labels)

    def _cut(self, pair: Pair) -> list[Piece]:
        height, width = files.size(pair.image)
        tile = self._config.tile
        if tile is None:
            return [Piece(pair.key, pair, (0, 0, width, height))]
        if min(height, width) < tile:
            raise ImageError(f"{pair.image} is {height} x {width}, too small for a tile of {tile}; make tile smaller")
        stride = self._config.stride or tile
        tops, lefts = _starts(height, tile, stride=stride), _starts(width, tile, stride=stride)
        return [
            Piece(f"{pair.key}@{top},{left}", pair, (left, top, left + tile, top + tile))
            for top in tops
            for left in lefts
        ]


def _starts(length: int, tile: int, *, stride: int) -> list[int]:
    """Step over a side; the last tile ends where the picture ends, so that nothing is left out."""
    starts = list(range(0, length - tile + 1, stride))
    return starts if starts[-1] == length - tile else [*starts, length - tile]


def _nearest(ids: ndarray, box: Box, *, size: tuple[int, int]) -> ndarray:
    """Take for each pixel of the result the id in the middle of what it covers."""
    left, top, right, bottom = box
    rows = top + ((np.arange(size[0]) + 0.5) * (bottom - top) / size[0]).astype(np.int64)
    columns = left + ((np.arange(size[1]) + 0.5) * (right - left) / size[1]).astype(np.int64)
    return ids[np.ix_(rows, columns)]


def _one_class_each(instances: ndarray, labels: ndarray) -> ndarray:
    """Number objects from 0, and split those that have pixels of many classes."""
    pairs = instances.astype(np.int64) * 256 + labels
    _, dense = np.unique(pairs, return_inverse=True)
    return dense.reshape(labels.shape).astype(np.uint16)


def _remedy(high: int) -> str:
    return f"was {high} left in as 'unlabelled'? set datasets.folder.ignore: {high}"
