"""The sample images of the report: a sheet per system and one that compares all, of the same label maps and classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image

from smis.core.contact_sheet import Group, color_labels, tile
from smis.core.errors import ParamsError
from smis.core.sample import Sample
from smis.data.samples import SampleTable, read_samples
from smis.data.shards import Prepared

_HEAT_COLORS = np.array([[10, 8, 32], [74, 20, 108], [176, 48, 88], [243, 120, 36], [250, 206, 92], [255, 255, 235]])
_MAX_DEVIATION = 56.0
"""The standard deviation (of values 0..255) that has the last color."""


@dataclass(frozen=True)
class SystemSamples:
    """The samples of one system by label map: all latents resampled, and one class resampled (by class id)."""

    everything: Mapping[str, ndarray]
    classes: Mapping[int, Mapping[str, ndarray]]

    @classmethod
    def read(cls, folder: Path) -> "SystemSamples":
        """Read the Arrow files of a system."""
        tables = [read_samples(path) for path in sorted(folder.glob("class-*.arrow"))]
        by_class = {int(table.resampled[0]): _by_key(table) for table in tables if len(table)}
        return cls(_by_key(read_samples(folder / "everything.arrow")), by_class)


@dataclass(frozen=True)
class Selection:
    """Test samples (the rows of a sheet) and ids of classes (its groups of columns)."""

    real: list[Sample]
    classes: list[int]


def select_samples(
    data: Prepared, samples: list[SystemSamples], *, rows: int, varied_classes: int, class_names: list[str]
) -> Selection:
    """Select the classes, by name or by size, then label maps that contain them.

    Raises:
        ParamsError: if a name is not a class of the data set.
    """
    unknown = [name for name in class_names if name not in data.classes]
    if unknown:
        raise ParamsError(f"report.classes: there is no class {unknown[0]!r}; there are: {', '.join(data.classes)}")
    split = data.split("test")
    keys = [key for key in samples[0].everything if all(key in each.everything for each in samples)]
    index = {key: number for number, key in enumerate(split.keys)}
    area = split.pixels[[index[key] for key in keys]].sum(axis=0)
    classes = [data.classes.index(name) for name in class_names] or _largest(area, samples, count=varied_classes)
    return Selection([split[index[key]] for key in _containing(keys, classes, samples, rows=rows)], classes)


def _largest(area: ndarray, samples: list[SystemSamples], *, count: int) -> list[int]:
    """Return the largest classes that every system resampled, without the largest of all (the background)."""
    sampled = sorted(set.intersection(*(set(each.classes) for each in samples)))
    ranked = sorted((c for c in sampled if c != int(np.argmax(area))), key=lambda c: -int(area[c]))
    return ranked[:count] or sampled[:count]


def _containing(keys: list[str], classes: list[int], samples: list[SystemSamples], *, rows: int) -> list[str]:
    """Return the label maps that contain most of the classes; ties keep the order of sampling."""

    def missing(key: str) -> int:
        return sum(any(key not in each.classes.get(c, {}) for each in samples) for c in classes)

    return sorted(keys, key=missing)[:rows]


def _by_key(table: SampleTable) -> dict[str, ndarray]:
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(table.keys):
        rows.setdefault(key, []).append(row)
    return {key: table.image[numbers] for key, numbers in rows.items()}


@dataclass(frozen=True)
class SampleSheets:
    """Lays out the selected samples of a data set."""

    data: Prepared
    selection: Selection
    samples: int
    """Samples per group of columns."""

    def sheet(self, samples: SystemSamples, *, rows: int | None = None, classes: int | None = None) -> list[Group]:
        """Return one system's groups: label map and real image, all latents resampled, one class resampled."""
        real, class_ids = self.selection.real[:rows], self.selection.classes[:classes]
        groups = [
            Group("label map, real image", [self._real_tiles(sample) for sample in real]),
            Group("everything resampled", [self._tiles(samples.everything[sample.key]) for sample in real]),
        ]
        for class_id in class_ids:
            by_key = samples.classes.get(class_id, {})
            tiles = [self._class_tiles(by_key.get(sample.key), sample.labels == class_id) for sample in real]
            groups.append(Group(f"only {self.data.classes[class_id]} resampled, where it differs", tiles))
        return groups

    def comparison(self, samples: Mapping[str, SystemSamples], *, rows: int) -> list[Group]:
        """Stack the first rows of all systems, with one class resampled."""
        sheets = [self.sheet(each, rows=rows, classes=1) for each in samples.values()]
        return [
            Group(groups[0].caption, [row for group in groups for row in group.rows])
            for groups in zip(*sheets, strict=True)
        ]

    def _real_tiles(self, sample: Sample) -> list[Image.Image | None]:
        return [tile(color_labels(sample.labels, self.data.palette), smooth=False), tile(sample.image)]

    def _tiles(self, images: ndarray) -> list[Image.Image | None]:
        return [tile(image) for image in images[: self.samples]]

    def _class_tiles(self, images: ndarray | None, area: ndarray) -> list[Image.Image | None]:
        if images is None:
            return [None] * (self.samples + 1)
        tiles = self._tiles(images)
        empty = [None] * (self.samples - len(tiles))
        return [*tiles, *empty, heat_map(images, area)]


def heat_map(samples: ndarray, area: ndarray) -> Image.Image:
    """Color the standard deviation over samples (n, h, w, 3) dark to bright, and outline the area (h, w, bool)."""
    deviation = np.clip(samples.astype(np.float32).std(axis=0).mean(axis=-1) / _MAX_DEVIATION, 0, 1)
    stops = np.linspace(0, 1, len(_HEAT_COLORS))
    colors = np.stack([np.interp(deviation, stops, _HEAT_COLORS[:, channel]) for channel in range(3)], axis=-1)
    pixels = np.array(tile(colors.astype(np.uint8)))
    inside = np.array(Image.fromarray(area).resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.NEAREST))
    pixels[_border(inside)] = (90, 220, 255)
    return Image.fromarray(pixels)


def _border(inside: ndarray) -> ndarray:
    """Return the pixels of the area that have a neighbor outside it."""
    padded = np.pad(inside, 1, mode="edge")
    all_inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~all_inside
