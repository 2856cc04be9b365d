"""Random draws, outlines, and the canvas on which parts are painted over each other.

Parts are painted at four times the size, by whole pixels, so that every machine paints the same.
"""

import cmath
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw

_BLOCK = 128

T = TypeVar("T")


class Dice:
    """Draw choices; uniform numbers are all that is taken, which every machine makes alike."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._numbers = iter(())

    def _number(self) -> float:
        number = next(self._numbers, None)
        if number is None:
            self._numbers = iter(self._generator.random(_BLOCK).tolist())
            number = next(self._numbers)
        return number

    def between(self, low: float, high: float) -> float:
        """Draw a number, uniform in low..high."""
        return low + (high - low) * self._number()

    def happens(self, probability: float) -> bool:
        """Draw whether something is so."""
        return self._number() < probability

    def choose(self, weights: Mapping[T, float]) -> T:
        """Draw one of the keys, in proportion to its weight."""
        return pick(weights, self._number())


def pick(weights: Mapping[T, float], number: float) -> T:
    """Return the key that a number (0..1) falls on, where each takes room in proportion to its weight."""
    left = number * sum(weights.values())
    for option, weight in weights.items():
        left -= weight
        if left < 0:
            return option
    return list(weights)[-1]


Outline = np.ndarray | list[complex]

_STEPS = np.linspace(0, 1, 4, endpoint=False)
_CATMULL_ROM = 0.5 * np.stack(
    [
        -_STEPS + 2 * _STEPS**2 - _STEPS**3,
        2 - 5 * _STEPS**2 + 3 * _STEPS**3,
        _STEPS + 4 * _STEPS**2 - 3 * _STEPS**3,
        -(_STEPS**2) + _STEPS**3,
    ]
)
_CIRCLE = np.array([cmath.rect(1, 2 * math.pi * corner / 20) for corner in range(20)])
_SHARPEST_MITRE = 1.5


def smooth(points: Iterable[complex]) -> Outline:
    """Round the corners of a closed outline (a Catmull-Rom spline through its points)."""
    at = list(points)
    around = np.array([at[-1], *at, at[0], at[1]], dtype=complex)[:, None]
    before, start, stop, after = _CATMULL_ROM
    return (around[:-3] * before + around[1:-2] * start + around[2:-1] * stop + around[3:] * after).ravel()


def ellipse(center: complex, across: float, down: float) -> Outline:
    """Draw an ellipse with the half axes `across` and `down`."""
    return center + (across * np.real(_CIRCLE) + 1j * down * np.imag(_CIRCLE))


def symmetric(profile: Sequence[tuple[float, float]], axis: Callable[[float], float]) -> list[complex]:
    """Flip a profile of (half width, height), top to bottom, at an axis that may sway with the height."""
    right = [complex(axis(y) + half, y) for half, y in profile]
    left = [complex(axis(y) - half, y) for half, y in reversed(profile)]
    return right + left


def thick(joints: Sequence[complex], radii: Sequence[float], *, round_end: bool) -> Outline:
    """Thicken a chain of joints to a limb; it starts round and ends round, or cut off as cloth is."""
    ways = [(b - a) / (abs(b - a) or 1) for a, b in pairwise(joints)]
    side = [1j * ways[0] * radii[0]]
    for before, after, radius in zip(ways, ways[1:], radii[1:], strict=False):
        middle = (before + after) / (abs(before + after) or 1)
        mitre = min(_SHARPEST_MITRE, 1 / max(1e-6, (middle * before.conjugate()).real))
        side.append(1j * middle * radius * mitre)
    side.append(1j * ways[-1] * radii[-1])
    there = [joint + offset for joint, offset in zip(joints, side, strict=True)]
    back = [joint - offset for joint, offset in zip(joints, side, strict=True)][::-1]
    end = _cap(joints[-1], side[-1]) if round_end else []
    return there + end + back + _cap(joints[0], -side[0])


def _cap(joint: complex, start: complex) -> list[complex]:
    return [joint + start * cmath.rect(1, -angle) for angle in (0.6, 1.2, 1.9, 2.5)]


FINER = 4
"""Canvas pixels along one pixel of the image."""

STOUTNESS = 1.1
"""Dolls are this much wider than the figures that anatomy.py measures."""


@dataclass(frozen=True)
class Part:
    """What a painted number stands for; a higher part throws its shadow on a lower one."""

    person: int
    label: int
    trim: bool
    depth: int


@dataclass(frozen=True)
class Place:
    """Where a body stands in the image, in image sizes: the middle of its feet, its height, which way it turns."""

    x: float
    y: float
    height: float
    mirror: int

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return where points of the body's plane are in the image (0..1)."""
        across = self.mirror * STOUTNESS * np.real(points)
        return complex(self.x, self.y - self.height) + self.height * (across + 1j * np.imag(points))


class Canvas:
    """A square of part numbers: a later part covers what is under it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._image = Image.new("L", (size * FINER, size * FINER), 0)
        self.draw = ImageDraw.Draw(self._image)
        self.parts = [Part(0, 0, False, 0)]

    def numbers(self) -> np.ndarray:
        """Give the number of the part that is on top, for each canvas pixel."""
        return np.asarray(self._image)

    def depths(self) -> np.ndarray:
        """Give the depth of the part that is on top, at twice the image's size."""
        depth = np.array([part.depth for part in self.parts], dtype=np.uint8)
        return depth[self.numbers()[1::2, 1::2]]


@dataclass(frozen=True)
class Paint:
    """The brush that paints one person at a place."""

    canvas: Canvas
    person: int
    place: Place

    def __call__(self, label: int, *outlines: Outline, trim: bool = False, flat: bool = False) -> None:
        """Paint one part, over all that is there.

        Trim takes the second color; what is flat lies in the part before it, without an edge of its own in light
        or shade.
        """
        canvas, number = self.canvas, len(self.canvas.parts)
        canvas.parts.append(Part(self.person, label, trim, canvas.parts[-1].depth if flat else number))
        for outline in outlines:
            points = canvas.size * FINER * self.place.at(np.asarray(outline, dtype=complex))
            canvas.draw.polygon(np.rint(points.view(np.float64)).tolist(), fill=number)
