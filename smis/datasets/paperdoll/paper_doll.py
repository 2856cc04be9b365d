"""The data set: every image is a function of (seed, split, index), drawn from a layout and an appearance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smis.core.sample import Sample
from smis.core.shapes import ImageArray
from smis.datasets.io.human_parsing import BACKGROUND, FACE, NAMES, PALETTE
from smis.datasets.io.problems import Problem
from smis.datasets.paperdoll.anatomy import Head
from smis.datasets.paperdoll.appearance import NUMBERS, Appearance, Color, Look, brightness, look, mixed, oklch
from smis.datasets.paperdoll.canvas import Dice
from smis.datasets.paperdoll.layout import Layout, Region, make_layout

_INK = np.array([38, 26, 32], dtype=np.float32)
_EYE_WHITE = np.array([252, 250, 248], dtype=np.float32)


@dataclass(frozen=True)
class _Stamp:
    """A pixel grid in a head's coordinates, onto which ellipses are stamped."""

    picture: np.ndarray
    u: np.ndarray
    v: np.ndarray
    pixel: float

    def ellipse(self, middle: tuple[float, float], axes: tuple[float, float], color: Color, share: float = 1.0) -> None:
        """Stamp an ellipse, its edge softened over one pixel; one thinner than a pixel gets paler instead."""
        self._blend(self._inside(middle, axes), color, share)

    def crescent(self, middle: tuple[float, float], axes: tuple[float, float], raised: float, color: Color) -> None:
        """Stamp the part of an ellipse outside a copy of it, `raised` higher (a smile) or lower (a brow)."""
        above = self._inside((middle[0], middle[1] - raised), axes)
        self._blend(self._inside(middle, axes) * (1 - above), color, 1.0)

    def blush(self, middle: tuple[float, float], radius: float, color: Color, share: float) -> None:
        """Stamp a disc that fades from its middle."""
        far = ((self.u - middle[0]) ** 2 + (self.v - middle[1]) ** 2) / radius**2
        self._blend(np.maximum(0, 1 - far), color, share)

    def _inside(self, middle: tuple[float, float], axes: tuple[float, float]) -> np.ndarray:
        across, down = max(axes[0], 0.6 * self.pixel), max(axes[1], 0.6 * self.pixel)
        paler = axes[0] * axes[1] / (across * down)
        far = np.sqrt(((self.u - middle[0]) / across) ** 2 + ((self.v - middle[1]) / down) ** 2)
        return np.clip((1 - far) * (min(across, down) / self.pixel) + 0.5, 0, 1) * paler

    def _blend(self, inside: np.ndarray, color: Color, share: float) -> None:
        self.picture[...] += (color - self.picture) * (inside * np.float32(share))[..., None]


def draw_face(picture: np.ndarray, face: Head, numbers: Iterator[float], *, corner: tuple[int, int], size: int) -> None:
    """Draw the features into a region's image (h, w, 3), whose left top pixel is `corner` of the whole image."""
    rows, columns, stamp = _grid(picture, face, corner=corner, size=size)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    base = picture[rows, columns].reshape(-1, 3).mean(axis=0)
    rosy = np.array([226, 92, 96], dtype=np.float32)
    for side in (-1, 1):
        stamp.blush((side * 0.55, 0.4), 0.34, rosy, 0.25 + 0.3 * (next(numbers) if side < 0 else 0.5))
    _draw_eyes(stamp, numbers)
    stamp.ellipse((0.0, 0.34), (0.1, 0.06), mixed(base, rosy * 0.6, 0.4), 0.7)
    _draw_mouth(stamp, base, numbers)


def _grid(picture: np.ndarray, face: Head, *, corner: tuple[int, int], size: int) -> tuple[slice, slice, _Stamp]:
    """The features' rows and columns of the image, in the head's coordinates."""
    left, top = corner
    columns = _span(face.center.real * size - left, face.across * size, picture.shape[1])
    rows = _span(face.center.imag * size - top, face.down * size, picture.shape[0])
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(left + 0.5)) / size - face.center.real
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(top + 0.5)) / size - face.center.imag
    u = (x[None] * face.tilt.real + y[:, None] * face.tilt.imag) / face.across
    v = (y[:, None] * face.tilt.real - x[None] * face.tilt.imag) / face.down
    stamp = _Stamp(picture[rows, columns], u.astype(np.float32), v.astype(np.float32), 1 / (size * face.across))
    return rows, columns, stamp


def _span(middle: float, half: float, end: int) -> slice:
    return slice(max(0, int(middle - half)), min(end, int(middle + half) + 2))


def _draw_eyes(stamp: _Stamp, numbers: Iterator[float]) -> None:
    iris = oklch(0.32 + 0.22 * next(numbers), 0.09, next(numbers))
    wide, high = 0.17 + 0.05 * next(numbers), 0.19 + 0.07 * next(numbers)
    brow = mixed(_INK, oklch(0.45, 0.06, 0.15), next(numbers))
    raised = 0.3 + 0.1 * next(numbers)
    for side in (-1, 1):
        x = side * 0.42
        stamp.ellipse((x, 0.1), (wide * 1.12, high), _EYE_WHITE, 0.85)
        stamp.ellipse((x, 0.1), (wide * 0.86, high * 0.96), iris)
        stamp.ellipse((x, 0.11), (wide * 0.6, high * 0.7), _INK)
        stamp.crescent((x, 0.12), (wide * 1.3, high * 1.1), -0.06, _INK)
        stamp.ellipse((x - 0.05, 0.02), (0.06, 0.06), _EYE_WHITE)
        stamp.crescent((x, 0.2 - raised), (wide * 1.35, 0.16), -0.07, brow)


def _draw_mouth(stamp: _Stamp, base: Color, numbers: Iterator[float]) -> None:
    red = oklch(0.45 + 0.2 * next(numbers), 0.16, 0.02 + 0.06 * next(numbers))
    lips = mixed(red, _INK, 0.3 * brightness(base) * 0.5)
    kind, wide = next(numbers), 0.2 + 0.12 * next(numbers)
    if kind < 0.4:
        stamp.crescent((0.0, 0.56), (wide, 0.14), 0.09, lips)
    elif kind < 0.7:
        stamp.ellipse((0.0, 0.62), (wide * 0.8, 0.09), lips)
    else:
        stamp.ellipse((0.0, 0.62), (wide * 0.75, 0.13), lips)
        stamp.ellipse((0.0, 0.57), (wide * 0.6, 0.05), _EYE_WHITE)


_SHADOW_TINT = np.array([1.0, 1.08, 0.9], dtype=np.float32)
_WHITE = np.array([255, 255, 255], dtype=np.float32)


def paint_field(layout: Layout, region: Region, *, style: Look) -> np.ndarray:
    """Paint a region's whole box (h, w, 3), 0..255: pattern, trim, features, then light and shade."""
    left, top, right, bottom = region.box
    x = (np.arange(left, right, dtype=np.float32) + np.float32(0.5)) / np.float32(layout.size)
    y = ((np.arange(top, bottom, dtype=np.float32) + np.float32(0.5)) / np.float32(layout.size))[:, None]
    down = ((np.arange(bottom - top, dtype=np.float32) + np.float32(0.5)) / np.float32(bottom - top))[:, None]
    field = np.empty((bottom - top, right - left, 3), dtype=np.float32)
    field[:] = style.base
    share = style.pattern.share(x, y, down=down, size=layout.size)
    if share is not None:
        field += (style.second - style.base) * share.astype(np.float32)[..., None]
    if region.trim is not None:
        field += (style.trim - field) * region.trim[..., None]
    if region.label == FACE:
        draw_face(field, layout.faces[region.person], iter(style.rest), corner=(left, top), size=layout.size)
    if region.label == BACKGROUND:
        _spotlight(field, x, y, style)
    _shade(field, layout, region, style)
    return field


def _spotlight(field: np.ndarray, x: np.ndarray, y: np.ndarray, style: Look) -> None:
    """Light a wall behind the person, or darken its corners."""
    kind, radius, depth = style.rest[0], 0.3 + 0.12 * style.rest[1], np.float32(0.2 + 0.25 * style.rest[2])
    far = (x - np.float32(0.5)) ** 2 + (y - np.float32(0.47)) ** 2
    if kind < 0.3:
        disc = np.clip((np.float32(radius) - np.sqrt(far)) * field.shape[0] + np.float32(0.5), 0, 1)
        field += (mixed(style.base, _WHITE, 0.5) - field) * (disc * depth * 2)[..., None]
    elif kind < 0.7:
        field *= 1 - (far * depth * np.float32(1.0))[..., None]


def _shade(field: np.ndarray, layout: Layout, region: Region, style: Look) -> None:
    shadow = layout.shadow[region.window][..., None] * (np.float32(style.shade) * _SHADOW_TINT)
    light = layout.light[region.window] * np.float32(style.gloss)
    field *= 1 - shadow
    field += (_WHITE - field) * light[..., None]


_LAYOUT, _APPEARANCE = 0, 1


class PaperDoll:
    """People in clothes drawn by code, whose layout and appearance are drawn apart.

    So it is known what a perfect generator does: for a `layout`, any `appearance` is as likely as any other, and
    each class's is independent of the rest. Holds no state: it may be pickled, and read from many processes.

    Example:
        >>> dolls = PaperDoll(size=32, people=1, counts={"train": 1}, seed=0)
        >>> layout, appearance = dolls.layout("train", 0), dolls.appearance(np.random.default_rng(0))
        >>> other = appearance.copy()
        >>> other[0, 0] = 0.5  # another background
        >>> images = [dolls.render(layout, each, hard=True) for each in (appearance, other)]
        >>> np.unique(layout.labels[(images[0] != images[1]).any(axis=2)]).tolist()
        [0]
    """

    classes: list[str] = list(NAMES)
    palette: list[tuple[int, int, int]] = list(PALETTE)
    ignored: Sequence[int] = ()
    crop: tuple[int, int] | None = None
    problems: Sequence[Problem] = ()
    warnings: Sequence[str] = ()

    def __init__(self, *, size: int, people: int, counts: Mapping[str, int], seed: int) -> None:
        self.size, self.people, self.seed = size, people, seed
        self._counts, self.splits = dict(counts), tuple(counts)
        self.fingerprint = f"{size} {people} {self._counts} {seed}"
        self.settings = f"{size} {people} {list(counts)} {seed}"

    def count(self, split: str) -> int:
        """Return how many images a split has."""
        return self._counts[split]

    def key(self, split: str, index: int) -> str:
        """Return the key of an image."""
        return f"{split}/{index:06d}"

    def source(self, split: str, index: int) -> str:
        """Return the key: the image is made of no file."""
        return self.key(split, index)

    def read(self, split: str, index: int) -> Sample:
        """Draw one image.

        Raises:
            IndexError: if the split has no such image.
        """
        layout = self.layout(split, index)
        image = self.render(layout, self.appearance(self._generator(split, index, _APPEARANCE)))
        return Sample(self.key(split, index), split, image, layout.labels, layout.instances)

    def layout(self, split: str, index: int) -> Layout:
        """Draw the geometry of an image: no color depends on it.

        Raises:
            IndexError: if the split has no such image.
        """
        if not 0 <= index < self.count(split):
            raise IndexError(f"{split} has pictures 0 to {self.count(split) - 1}, not {index}")
        return make_layout(Dice(self._generator(split, index, _LAYOUT)), size=self.size, people=self.people)

    def appearance(self, generator: np.random.Generator) -> Appearance:
        """Draw a row of numbers for each (person, class); replace one row and only that class looks different."""
        return generator.random((self.people, len(NAMES), NUMBERS))

    def render(self, layout: Layout, appearance: Appearance, *, hard: bool = False) -> ImageArray:
        """Paint a layout.

        `hard` gives each pixel the color of its label's region alone, so that another appearance of one class leaves
        every pixel outside that class as it was, bit for bit; else borders are mixed by coverage.
        """
        total = np.zeros((layout.size, layout.size, 3), dtype=np.float32)
        weight = np.zeros((layout.size, layout.size, 1), dtype=np.float32)
        for index, region in enumerate(layout.regions):
            field = paint_field(layout, region, style=look(region.label, appearance[region.person, region.label]))
            if hard:
                share = (layout.owner[region.window] == index).astype(np.float32)[..., None]
            else:
                share = region.coverage[..., None]
            total[region.window] += field * share
            weight[region.window] += share
        return (total / weight + np.float32(0.5)).astype(np.uint8)

    def _generator(self, split: str, index: int, purpose: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, self.splits.index(split), index, purpose]))
