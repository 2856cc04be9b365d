"""The sample images of the report: a sheet per system and one that compares all, of the same label maps and classes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image

from pipelines.report.config import ReportConfig
from smis.core.contact_sheet import Group, color_labels, tile
from smis.core.errors import ParamsError
from smis.core.sample import RESAMPLED_ALL, Sample
from smis.data.samples import read_samples
from smis.data.shards import Prepared

_HEAT_COLORS = np.array([[10, 8, 32], [74, 20, 108], [176, 48, 88], [243, 120, 36], [250, 206, 92], [255, 255, 235]])
_MAX_DEVIATION = 56.0
"""The standard deviation (of values 0..255) that has the last color."""


SystemSamples = Mapping[int, Mapping[str, ndarray]]
"""The samples of one system by what was resampled (the id of a class, or RESAMPLED_ALL), then by label map."""


def read_system_samples(folder: Path) -> SystemSamples:
    """Read the Arrow files of a system's samples."""
    samples: dict[int, dict[str, ndarray]] = {}
    for path in (folder / "everything.arrow", *sorted(folder.glob("class-*.arrow"))):
        table = read_samples(path)
        for (key, resampled), rows in table.groups().items():
            samples.setdefault(resampled, {})[key] = table.image[rows]
    return samples


class SampleSheets:
    """Lays out samples of the systems on a data set, of the same label maps and classes.

    Classes are selected by name or by size, then label maps that contain most of them.

    Raises:
        ParamsError: if a name is not a class of the data set.
    """

    def __init__(self, data: Prepared, samples: Mapping[str, SystemSamples], config: ReportConfig) -> None:
        unknown = [name for name in config.classes if name not in data.classes]
        if unknown:
            raise ParamsError(f"report.classes: there is no class {unknown[0]!r}; there are: {', '.join(data.classes)}")
        self._data, self._samples, self._count = data, samples, config.samples
        split, systems = data.split("test"), list(samples.values())
        keys = [key for key in systems[0][RESAMPLED_ALL] if all(key in each[RESAMPLED_ALL] for each in systems)]
        index = {key: number for number, key in enumerate(split.keys)}
        area = split.pixels[[index[key] for key in keys]].sum(axis=0)
        named = [data.classes.index(name) for name in config.classes]
        self._classes = named or _largest(area, systems, count=config.parts)

        def missing(key: str) -> int:
            return sum(any(key not in each.get(c, {}) for each in systems) for c in self._classes)

        self._real = [split[index[key]] for key in sorted(keys, key=missing)[: config.rows]]

    def sheet(self, system: str, *, rows: int | None = None, classes: int | None = None) -> list[Group]:
        """Return one system's groups: label map and real image, all latents resampled, one class resampled."""
        samples, real = self._samples[system], self._real[:rows]
        groups = [
            Group("label map, real image", [self._real_tiles(sample) for sample in real]),
            Group("everything resampled", [self._tiles(samples[RESAMPLED_ALL][sample.key]) for sample in real]),
        ]
        for class_id in self._classes[:classes]:
            by_key = samples.get(class_id, {})
            tiles = [self._class_tiles(by_key.get(sample.key), sample.labels == class_id) for sample in real]
            groups.append(Group(f"only {self._data.classes[class_id]} resampled, where it differs", tiles))
        return groups

    def comparison(self, *, rows: int) -> list[Group]:
        """Stack the first rows of all systems, with one class resampled."""
        sheets = [self.sheet(system, rows=rows, classes=1) for system in self._samples]
        return [
            Group(groups[0].caption, [row for group in groups for row in group.rows])
            for groups in zip(*sheets, strict=True)
        ]

    def _real_tiles(self, sample: Sample) -> list[Image.Image | None]:
        return [tile(color_labels(sample.labels, self._data.palette), smooth=False), tile(sample.image)]

    def _tiles(self, images: ndarray) -> list[Image.Image | None]:
        return [tile(image) for image in images[: self._count]]

    def _class_tiles(self, images: ndarray | None, area: ndarray) -> list[Image.Image | None]:
        if images is None:
            return [None] * (self._count + 1)
        tiles = self._tiles(images)
        empty = [None] * (self._count - len(tiles))
        return [*tiles, *empty, heat_map(images, area)]


def _largest(area: ndarray, systems: list[SystemSamples], *, count: int) -> list[int]:
    """Return the largest classes that every system resampled, without the largest of all (the background)."""
    sampled = sorted(set.intersection(*(set(each) for each in systems)) - {RESAMPLED_ALL})
    ranked = sorted((c for c in sampled if c != int(np.argmax(area))), key=lambda c: -int(area[c]))
    return ranked[:count] or sampled[:count]


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
