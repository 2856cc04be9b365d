"""Closed outlines, as lists of points in the complex plane (y points down), from a few control points."""

import cmath
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

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
    """Mirror a profile of (half width, height), top to bottom, at an axis that may sway with the height."""
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
