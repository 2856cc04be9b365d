"""A sheet of pictures for each system, and one small sheet that compares them all."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from PIL import Image

from pipelines.report.picks import Picks, Samples
from smis.core.contact_sheet import Group, color_labels, tile
from smis.core.sample import Sample
from smis.data.shards import Prepared

_HEAT = np.array([[10, 8, 32], [74, 20, 108], [176, 48, 88], [243, 120, 36], [250, 206, 92], [255, 255, 235]])
_FULL_HEAT = 56.0
"""A standard deviation (of 0..255) that is shown as hottest."""


@dataclass(frozen=True)
class Gallery:
    """What all sheets of a data set share."""

    data: Prepared
    picks: Picks
    samples: int
    """Samples in a group of columns."""

    def sheet(self, drawn: Samples, *, rows: int | None = None, parts: int | None = None) -> list[Group]:
        """Return one system's groups of columns: layout and photograph, everything varies, one class varies."""
        real, classes = self.picks.real[:rows], self.picks.classes[:parts]
        groups = [
            Group("layout, real image", [self._layout(sample) for sample in real]),
            Group("everything drawn anew", [self._free(drawn.everything[sample.key]) for sample in real]),
        ]
        for chosen in classes:
            name = self.data.classes[chosen]
            by_key = drawn.classes.get(chosen, {})
            rows_of_class = [self._part(by_key.get(sample.key), sample.labels == chosen) for sample in real]
            groups.append(Group(f"only {name} drawn anew, where it differs", rows_of_class))
        return groups

    def comparison(self, drawn: Mapping[str, Samples], *, rows: int) -> list[Group]:
        """Stack the first rows of all systems, for one class."""
        sheets = [self.sheet(samples, rows=rows, parts=1) for samples in drawn.values()]
        return [
            Group(columns[0].caption, [row for group in columns for row in group.rows])
            for columns in zip(*sheets, strict=True)
        ]

    def _layout(self, sample: Sample) -> list[Image.Image | None]:
        return [
            tile(color_labels(sample.labels, self.data.palette), smooth=False),
            tile(sample.image),
        ]

    def _free(self, images: ndarray) -> list[Image.Image | None]:
        return [tile(image) for image in images[: self.samples]]

    def _part(self, images: ndarray | None, area: ndarray) -> list[Image.Image | None]:
        if images is None:
            return [None] * (self.samples + 1)
        shown = [tile(image) for image in images[: self.samples]]
        empty = [None] * (self.samples - len(shown))
        return [*shown, *empty, heat(images, area)]


def heat(samples: ndarray, area: ndarray) -> Image.Image:
    """Show where samples (n, h, w, 3) differ, dark to bright, with a line around the area (h, w, bool)."""
    spread = np.clip(samples.astype(np.float32).std(axis=0).mean(axis=-1) / _FULL_HEAT, 0, 1)
    places = np.linspace(0, 1, len(_HEAT))
    colors = np.stack([np.interp(spread, places, _HEAT[:, channel]) for channel in range(3)], axis=-1)
    heat_map = np.array(tile(colors.astype(np.uint8)))
    inside = np.array(Image.fromarray(area).resize((heat_map.shape[1], heat_map.shape[0]), Image.Resampling.NEAREST))
    heat_map[_border(inside)] = (90, 220, 255)
    return Image.fromarray(heat_map)


def _border(inside: ndarray) -> ndarray:
    """Mark the pixels of the area that have a neighbor outside it."""
    padded = np.pad(inside, 1, mode="edge")
    all_inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~all_inside
