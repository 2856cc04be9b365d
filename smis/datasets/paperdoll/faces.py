"""Eyes, brows, nose, mouth and cheeks, drawn on the skin of a face."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from smis.datasets.paperdoll.colors import Color, brightness, mixed, oklch
from smis.datasets.paperdoll.layout import Face

_INK = np.array([38, 26, 32], dtype=np.float32)
_WHITE = np.array([252, 250, 248], dtype=np.float32)


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


def draw_face(picture: np.ndarray, face: Face, numbers: Iterator[float], *, corner: tuple[int, int], size: int) -> None:
    """Draw the features into a region's picture (h, w, 3), whose left top pixel is `corner` of the whole picture."""
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


def _grid(picture: np.ndarray, face: Face, *, corner: tuple[int, int], size: int) -> tuple[slice, slice, _Stamp]:
    """The features' rows and columns of the picture, in the head's coordinates."""
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
        stamp.ellipse((x, 0.1), (wide * 1.12, high), _WHITE, 0.85)
        stamp.ellipse((x, 0.1), (wide * 0.86, high * 0.96), iris)
        stamp.ellipse((x, 0.11), (wide * 0.6, high * 0.7), _INK)
        stamp.crescent((x, 0.12), (wide * 1.3, high * 1.1), -0.06, _INK)
        stamp.ellipse((x - 0.05, 0.02), (0.06, 0.06), _WHITE)
        stamp.crescent((x, 0.2 - raised), (wide * 1.35, 0.16), -0.07, brow)


def _draw_mouth(stamp: _Stamp, base: Color, numbers: Iterator[float]) -> None:
    lips = mixed(
        oklch(0.45 + 0.2 * next(numbers), 0.16, 0.02 + 0.06 * next(numbers)), _INK, 0.3 * brightness(base) * 0.5
    )
    kind, wide = next(numbers), 0.2 + 0.12 * next(numbers)
    if kind < 0.4:
        stamp.crescent((0.0, 0.56), (wide, 0.14), 0.09, lips)
    elif kind < 0.7:
        stamp.ellipse((0.0, 0.62), (wide * 0.8, 0.09), lips)
    else:
        stamp.ellipse((0.0, 0.62), (wide * 0.75, 0.13), lips)
        stamp.ellipse((0.0, 0.57), (wide * 0.6, 0.05), _WHITE)
