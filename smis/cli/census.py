"""Statistics of the classes and instances of a data set, for `smis data`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy import ndarray

from smis.core.errors import ImageError, LabelError
from smis.core.progress import ProgressBar
from smis.core.sample import Sample
from smis.data import index
from smis.data.shards import Prepared
from smis.datasets.io.problems import Problem
from smis.datasets.io.protocol import DatasetReader
from smis.datasets.io.workers import in_order

_CHUNK = 32


@dataclass
class Census:
    """Counts over images; `problems` lists those that could not be read."""

    pixels: ndarray
    """Pixels of each class; int64."""
    showing: ndarray
    """Images that contain each class; int64."""
    images: int = 0
    instances: int = 0
    most: int = 0
    """Instances of the image with most."""
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def empty(cls, classes: int) -> "Census":
        """Return counts of 0."""
        return cls(np.zeros(classes, dtype=np.int64), np.zeros(classes, dtype=np.int64))

    def add(self, sample: Sample) -> None:
        """Count one image."""
        pixels = np.bincount(sample.labels.ravel(), minlength=len(self.pixels))
        instances = int(sample.instances.max()) + 1
        self.merge(Census(pixels, pixels > 0, images=1, instances=instances, most=instances))

    def merge(self, other: "Census") -> None:
        """Add the counts of another census."""
        self.pixels += other.pixels
        self.showing += other.showing
        self.images += other.images
        self.instances += other.instances
        self.most = max(self.most, other.most)
        self.problems += other.problems

    def rows(self, classes: Sequence[str]) -> list[dict[str, Any]]:
        """Return for each class its share of the pixels and of the images (0..1)."""
        pixels, images = max(int(self.pixels.sum()), 1), max(self.images, 1)
        return [
            {
                "id": number,
                "name": name,
                "pixels": self.pixels[number] / pixels,
                "pictures": self.showing[number] / images,
            }
            for number, name in enumerate(classes)
        ]


def of_samples(samples: Iterable[Sample], *, classes: int) -> Census:
    """Count samples in memory."""
    census = Census.empty(classes)
    for sample in samples:
        census.add(sample)
    return census


def of_reader(reader: DatasetReader) -> dict[str, Census]:
    """Read and count every image of a raw data set, in several processes."""
    ranges = [
        (split, start, min(start + _CHUNK, reader.count(split)))
        for split in reader.splits
        for start in range(0, reader.count(split), _CHUNK)
    ]
    censuses = {split: Census.empty(len(reader.classes)) for split in reader.splits}
    total = sum(reader.count(split) for split in reader.splits)
    with ProgressBar("checking", total=total, unit="images") as bar:
        counted = in_order(count, reader, ranges, preload=[__name__], begin=_nothing)
        for (split, start, stop), part in zip(ranges, counted, strict=True):
            censuses[split].merge(part)
            bar.advance(stop - start, note=split)
    return censuses


def count(reader: DatasetReader, images: tuple[str, int, int]) -> Census:
    """Read and count a range of images of a split."""
    split, start, stop = images
    census = Census.empty(len(reader.classes))
    for number in range(start, stop):
        try:
            census.add(reader.read(split, number))
        except (LabelError, ImageError) as error:
            census.problems.append(Problem(reader.key(split, number), split, str(error)))
    return census


def of_prepared(prepared: Prepared) -> dict[str, Census]:
    """Sum the counts in the index of a prepared data set."""
    censuses: dict[str, Census] = {}
    for split in prepared.splits:
        pixels = index.read_pixels(prepared.folder, split)
        instances = index.read(prepared.folder, split).column("instances").to_numpy()
        totals = pixels.sum(axis=0, dtype=np.int64), (pixels > 0).sum(axis=0, dtype=np.int64)
        censuses[split] = Census(*totals, len(pixels), int(instances.sum()), int(instances.max()))
    return censuses


def _nothing() -> None:
    """Do nothing: worker processes of a terminal command end with its process group."""
