"""Which label maps and which classes the pictures show: the same for every system, or they could not be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray

from smis.core.errors import ParamsError
from smis.core.sample import Sample
from smis.data.samples import SampleTable, read_samples
from smis.data.shards import Prepared


@dataclass(frozen=True)
class Samples:
    """What one system drew: samples by label map that vary everything, and by class and label map."""

    everything: Mapping[str, ndarray]
    classes: Mapping[int, Mapping[str, ndarray]]

    @classmethod
    def read(cls, folder: Path) -> "Samples":
        """Open the Arrow files of a cell."""
        tables = [read_samples(path) for path in sorted(folder.glob("class-*.arrow"))]
        by_class = {int(table.resampled[0]): _by_key(table) for table in tables if len(table)}
        return cls(_by_key(read_samples(folder / "everything.arrow")), by_class)


@dataclass(frozen=True)
class Picks:
    """Real pictures with their label maps (the rows) and ids of classes (the groups of columns)."""

    real: list[Sample]
    classes: list[int]


def choose(data: Prepared, drawn: list[Samples], *, rows: int, parts: int, wanted: list[str]) -> Picks:
    """Choose classes, the largest first but not the largest of all (the background), then maps that hold them.

    Raises:
        ParamsError: if a class is wanted that the data set does not have.
    """
    unknown = [name for name in wanted if name not in data.classes]
    if unknown:
        raise ParamsError(f"report.classes: there is no class {unknown[0]!r}; there are: {', '.join(data.classes)}")
    split = data.split("test")
    keys = [key for key in drawn[0].everything if all(key in samples.everything for samples in drawn)]
    at = {key: number for number, key in enumerate(split.keys)}
    area = split.pixels[[at[key] for key in keys]].sum(axis=0)
    classes = [data.classes.index(name) for name in wanted] or _large(area, drawn, parts=parts)
    return Picks([split[at[key]] for key in _holding(keys, classes, drawn, rows=rows)], classes)


def _large(area: ndarray, drawn: list[Samples], *, parts: int) -> list[int]:
    there = sorted(set.intersection(*(set(samples.classes) for samples in drawn)))
    ranked = sorted((c for c in there if c != int(np.argmax(area))), key=lambda c: -int(area[c]))
    return ranked[:parts] or there[:parts]


def _holding(keys: list[str], classes: list[int], drawn: list[Samples], *, rows: int) -> list[str]:
    """Take the maps that hold the most of the classes; among equals, the order in which they were sampled."""

    def missing(key: str) -> int:
        return sum(any(key not in samples.classes.get(c, {}) for samples in drawn) for c in classes)

    return sorted(keys, key=missing)[:rows]


def _by_key(table: SampleTable) -> dict[str, ndarray]:
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(table.keys):
        rows.setdefault(key, []).append(row)
    return {key: table.image[numbers] for key, numbers in rows.items()}
