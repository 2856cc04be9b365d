"""Patterns of cloth and walls: for each pixel, how much of the second color it takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pattern:
    """A pattern's numbers; `period` is in picture sizes, `turn` a unit number, `phase` 0..1."""

    kind: str
    period: float
    turn: complex
    phase: float

    def share(self, x: np.ndarray, y: np.ndarray, *, down: np.ndarray, size: int) -> np.ndarray | None:
        """Say the second color's share (0..1) at picture places x (a row) and y (a column); None for plain.

        `down` runs from 0 at the top of the region to 1 at its bottom. No sine and no power is taken of a pixel's
        place, so every machine makes the same picture.
        """
        if self.kind == "plain":
            return None
        if self.kind == "gradient":
            return np.broadcast_to(down if self.phase < 0.5 else 1 - down, (len(y), x.shape[-1]))
        along = (x * self.turn.real + y * self.turn.imag) / self.period + self.phase
        across = (y * self.turn.real - x * self.turn.imag) / self.period + self.phase
        return _KINDS[self.kind](along, across, self.period * size)


def _stripes(along: np.ndarray, across: np.ndarray, pixels: float) -> np.ndarray:
    return _edge(_wave(along) - 0.25, pixels)


def _checks(along: np.ndarray, across: np.ndarray, pixels: float) -> np.ndarray:
    return (_edge(_wave(along) - 0.25, pixels) + _edge(_wave(across) - 0.25, pixels)) / 2


def _dots(along: np.ndarray, across: np.ndarray, pixels: float) -> np.ndarray:
    far = np.sqrt(_wave(along) ** 2 + _wave(across) ** 2)
    return _edge(0.31 - far, pixels)


def _wave(values: np.ndarray) -> np.ndarray:
    """The distance (0..0.5) to the nearest whole number."""
    return np.abs(values - np.rint(values))


def _edge(inside: np.ndarray, pixels: float) -> np.ndarray:
    """Soften an edge over one pixel; `inside` is in periods."""
    return np.clip(inside * pixels + 0.5, 0, 1)


_KINDS: Mapping[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
}
