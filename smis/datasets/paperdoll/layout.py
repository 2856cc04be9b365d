"""Geometry alone: which part of which person covers how much of each pixel, and where it is in the shade."""

from dataclasses import dataclass

import numpy as np

from smis.core.shapes import LabelArray
from smis.datasets.paperdoll.anatomy import Head
from smis.datasets.paperdoll.canvas import FINER, STOUTNESS, Canvas, Dice, Paint, Place
from smis.datasets.paperdoll.figure import paint_figure

_TALLEST = {1: 0.99, 2: 0.86, 3: 0.72}
"""Height of the tallest person, in image sizes, by the number of people who must fit."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True)
class Region:
    """One class of one person; `coverage` and, of it, the share of `trim` (both 0..1) fill the box."""

    person: int
    label: int
    box: Box
    coverage: np.ndarray
    trim: np.ndarray | None

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the box."""
        left, top, right, bottom = self.box
        return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class Layout:
    """An image without its colors.

    `owner` says which region each pixel's label comes from; `shadow` and `light` (0..1) shape the parts.
    """

    size: int
    regions: tuple[Region, ...]
    owner: np.ndarray
    faces: tuple[Head, ...]
    """Where each person's head is in the image (0..1)."""
    shadow: np.ndarray
    light: np.ndarray

    @property
    def labels(self) -> LabelArray:
        """The class that covers most of each pixel."""
        return np.array([region.label for region in self.regions], dtype=np.uint8)[self.owner]

    @property
    def instances(self) -> np.ndarray:
        """Ids (uint16) from 0 without gaps, one for each class of each person."""
        seen = np.bincount(self.owner.ravel(), minlength=len(self.regions)) > 0
        return (np.cumsum(seen) - 1).astype(np.uint16)[self.owner]


def make_layout(dice: Dice, *, size: int, people: int) -> Layout:
    """Draw people side by side."""
    canvas = Canvas(size)
    faces = []
    for person in range(people):
        place = _place(dice, person, people)
        faces.append(_face(paint_figure(Paint(canvas, person, place), dice), place))
    regions, owner = _regions(canvas)
    shadow, light = _shading(canvas.depths(), size)
    return Layout(size, regions, owner, tuple(faces), shadow, light)


def _place(dice: Dice, person: int, people: int) -> Place:
    middle = (person + 0.5) / people + dice.between(-0.04, 0.04) / people
    height = _TALLEST[people] * dice.between(0.92, 1.0)
    return Place(middle, 0.985 - dice.between(0.1, 0.5) * (1 - height), height, 1 if dice.happens(0.5) else -1)


def _face(head: Head, place: Place) -> Head:
    tilt = complex(head.tilt.real, head.tilt.imag * place.mirror)
    center = complex(place.at(np.array([head.center]))[0])
    return Head(center, head.across * STOUTNESS * place.height, head.down * place.height, tilt)


def _regions(canvas: Canvas) -> tuple[tuple[Region, ...], np.ndarray]:
    """Count each region's canvas pixels below each pixel; whose are the most owns it, the one further back if even."""
    kinds = sorted({(part.person, part.label) for part in canvas.parts}, key=lambda kind: (kind[1] > 0, *kind))
    place = {kind: index for index, kind in enumerate(kinds)}
    table = np.array([2 * place[part.person, part.label] + part.trim for part in canvas.parts], dtype=np.intp)
    size, pixels = canvas.size, canvas.size**2
    pixel = np.arange(pixels, dtype=np.intp).reshape(size, 1, size, 1)
    where = pixel + (table * pixels)[canvas.numbers()].reshape(size, FINER, size, FINER)
    counts = np.bincount(where.ravel(), minlength=2 * len(kinds) * pixels).astype(np.uint8)
    counts = counts.reshape(len(kinds), 2, size, size)
    covered = counts[:, 0] + counts[:, 1]
    spans = zip(_span(covered.max(axis=1)), _span(covered.max(axis=2)), strict=True)
    boxes = [(left, top, right, bottom) for (left, right), (top, bottom) in spans]
    regions = [
        _region(person, label, box, covered[index], counts[index, 1])
        for index, ((person, label), box) in enumerate(zip(kinds, boxes, strict=True))
        if box[2] > box[0]
    ]
    return tuple(regions), covered[[place[region.person, region.label] for region in regions]].argmax(axis=0)


def _span(present: np.ndarray) -> list[tuple[int, int]]:
    """The first place that is not 0 and the one after the last, for each row of a table; (0, 0) where all are 0."""
    found = [row.nonzero()[0] for row in present]
    return [(int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0) for places in found]


def _region(person: int, label: int, box: Box, covered: np.ndarray, trimmed: np.ndarray) -> Region:
    rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
    coverage, trim = covered[rows, columns].astype(np.float32), trimmed[rows, columns]
    share = (trim / np.maximum(coverage, 1)).astype(np.float32) if trim.any() else None
    return Region(person, label, box, coverage / np.float32(FINER * FINER), share)


def _shading(parts: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Light each part from the upper left, by what lies beside it a few steps along and against the light.

    A part is in the shade where a part above it is toward the light, and half so where it ends away from the light;
    it is lit where it ends toward the light.
    """
    steps = [max(1, round(step * size / 64)) for step in (1, 2, 3, 4)]
    far, side = steps[-1], len(parts)
    around = np.pad(parts, far, mode="edge")
    cast, turned, lit = (np.zeros((side, side), dtype=np.uint8) for _ in range(3))
    for step in steps:
        before = around[far - step : far - step + side, far - step : far - step + side]
        cast += before > parts
        if step <= steps[1]:
            after = around[far + step : far + step + side, far + step : far + step + side]
            turned += after < parts
            lit += before < parts
    shadow = _halved(cast) / np.float32(16) + _halved(turned) / np.float32(16)
    return np.minimum(shadow, np.float32(1)), _halved(lit) / np.float32(8)


def _halved(values: np.ndarray) -> np.ndarray:
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]
