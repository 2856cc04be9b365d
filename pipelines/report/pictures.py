"""A sheet of pictures for each system, and one small sheet that compares them all."""

from collections.abc import Mapping
from dataclasses import dataclass

from numpy import ndarray
from PIL import Image

from pipelines.report.picks import Picks, Samples
from pipelines.report.tiles import Group, heat, label_map, photo
from smis.core.sample import Sample
from smis.data.shards import Prepared

_SIDE = 112
"""Least height of a tile in pixels; small pictures are enlarged by a whole factor."""


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
            Group(columns[0].title, [row for group in columns for row in group.rows])
            for columns in zip(*sheets, strict=True)
        ]

    @property
    def _side(self) -> int:
        return self.data.height * max(1, -(-_SIDE // self.data.height))

    def _layout(self, sample: Sample) -> list[Image.Image | None]:
        return [
            label_map(sample.labels, self.data.palette, side=self._side),
            photo(sample.image, side=self._side),
        ]

    def _free(self, images: ndarray) -> list[Image.Image | None]:
        return [photo(image, side=self._side) for image in images[: self.samples]]

    def _part(self, images: ndarray | None, area: ndarray) -> list[Image.Image | None]:
        if images is None:
            return [None] * (self.samples + 1)
        shown = [photo(image, side=self._side) for image in images[: self.samples]]
        empty = [None] * (self.samples - len(shown))
        return [*shown, *empty, heat(images, area, side=self._side)]
