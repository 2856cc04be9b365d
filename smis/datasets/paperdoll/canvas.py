"""Parts are painted one over the other, at four times the size, by whole pixels: every machine paints the same."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image, ImageDraw

from smis.datasets.paperdoll.outlines import Outline

FINER = 4
"""Canvas pixels along one pixel of the picture."""

STOUTNESS = 1.1
"""Dolls are this much wider than the figures that anatomy.py measures."""


@runtime_checkable
class Paint(Protocol):
    """A brush in the hand of one person's painter."""

    def __call__(self, label: int, *outlines: Outline, trim: bool = False, flat: bool = False) -> None:
        """Paint one part, over all that is there.

        Trim takes the second color; what is flat lies in the part before it, without an edge of its own in light
        or shade.
        """
        ...


@dataclass(frozen=True)
class Part:
    """What a painted number stands for; a higher part throws its shadow on a lower one."""

    person: int
    label: int
    trim: bool
    depth: int


@dataclass(frozen=True)
class Place:
    """Where a body stands in the picture, in picture sizes: the middle of its feet, its height, which way it turns."""

    x: float
    y: float
    height: float
    mirror: int

    def at(self, points: np.ndarray) -> np.ndarray:
        """Say where points of the body's plane are in the picture (0..1)."""
        across = self.mirror * STOUTNESS * np.real(points)
        return complex(self.x, self.y - self.height) + self.height * (across + 1j * np.imag(points))


class Canvas:
    """A square of part numbers: a later part covers what is under it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._image = Image.new("L", (size * FINER, size * FINER), 0)
        self._draw = ImageDraw.Draw(self._image)
        self.parts = [Part(0, 0, False, 0)]

    def painter(self, person: int, place: Place) -> Paint:
        """Give the brush that paints one person at a place."""
        side = self.size * FINER

        def paint(label: int, *outlines: Outline, trim: bool = False, flat: bool = False) -> None:
            number = len(self.parts)
            self.parts.append(Part(person, label, trim, self.parts[-1].depth if flat else number))
            for outline in outlines:
                points = side * place.at(np.asarray(outline, dtype=complex))
                self._draw.polygon(np.rint(points.view(np.float64)).tolist(), fill=number)

        return paint

    def numbers(self) -> np.ndarray:
        """Give the number of the part that is on top, for each canvas pixel."""
        return np.asarray(self._image)

    def depths(self) -> np.ndarray:
        """Give the depth of the part that is on top, at twice the picture's size."""
        depth = np.array([part.depth for part in self.parts], dtype=np.uint8)
        return depth[self.numbers()[1::2, 1::2]]
