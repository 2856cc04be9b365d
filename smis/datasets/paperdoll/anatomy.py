"""Bodies and poses: where the head, the joints and the waist are, before anybody is dressed.

Lengths are in body heights: y runs from 0 (above the hair) to 1 (below the soles), x from the middle of the shoulders.
"""

import cmath
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from smis.datasets.paperdoll.canvas import Dice, Outline, smooth, thick

SHOULDERS, WAIST, HIPS = 0.318, 0.462, 0.55
_CHIN = 0.278
_UPPER_ARM, _FOREARM = 0.142, 0.13
_ARM_RADII = (0.033, 0.026, 0.02)

_ARM_POSES = {"down": 0.36, "out": 0.15, "hip": 0.18, "wave": 0.12, "across": 0.1, "back": 0.09}
_ARM_ANGLES = {
    "down": ((6.0, 20.0), (-4.0, 16.0)),
    "out": ((28.0, 62.0), (20.0, 75.0)),
    "hip": ((38.0, 54.0), (-58.0, -38.0)),
    "wave": ((84.0, 118.0), (140.0, 186.0)),
    "across": ((10.0, 24.0), (-112.0, -78.0)),
    "back": ((14.0, 26.0), (-62.0, -44.0)),
}
"""Degrees of the upper arm and of the forearm: 0 hangs down, 90 points outwards."""


Number = TypeVar("Number", float, complex)


@dataclass(frozen=True)
class Head:
    """A head's own coordinates: (0, 0) is between the ears, u = 1 an ear, v = 1 the chin."""

    center: complex
    across: float
    down: float
    tilt: complex

    def at(self, u: float, v: float) -> complex:
        """Return where a point of the head is on the body's plane."""
        return self.center + self.tilt * complex(u * self.across, v * self.down)

    def outline(self, points: Iterable[tuple[float, float]], *, side: int = 1) -> Outline:
        """Return where a rounded outline of the head is; a side of -1 flips it."""
        return smooth(self.at(side * u, v) for u, v in points)


@dataclass(frozen=True)
class Limb:
    """Three joints: shoulder, elbow and wrist, or hip, knee and ankle."""

    joints: tuple[complex, complex, complex]
    radii: tuple[float, float, float]
    side: int

    def at(self, along: float) -> complex:
        """Return where the limb's middle line is, 0 at its root, 1 at the middle joint, 2 at its end."""
        return _between(self.joints, along)

    def radius(self, along: float) -> float:
        """Return how thick the limb is there."""
        return _between(self.radii, along)

    def cut(self, start: float, stop: float, *, wider: float = 1.0, flare: float = 0.0, bare: bool = False) -> Outline:
        """Outline a piece of the limb, or a cloth around it, `wider` times as thick, and `flare` thicker at its end."""
        places = [start, *([1.0] if start < 1 < stop else []), stop]
        radii = [self.radius(place) * wider + flare * (place - start) / (stop - start) for place in places]
        return thick([self.at(place) for place in places], radii, round_end=bare)


@dataclass(frozen=True)
class Body:
    """One person, undressed; left and right are the viewer's (-1 and 1)."""

    head: Head
    shoulder: float
    waist: float
    hip: float
    sway: float
    arms: tuple[Limb, Limb]
    arms_behind: tuple[bool, bool]
    legs: tuple[Limb, Limb]

    def axis(self, y: float) -> float:
        """Return where the middle of the body is at a height: the hips sway, the shoulders do not."""
        return self.sway * min(1.0, max(0.0, (y - SHOULDERS) / (HIPS - SHOULDERS)))


def pose(dice: Dice) -> Body:
    """Draw a body and how it stands."""
    shoulder = dice.between(0.106, 0.136)
    hip = dice.between(0.096, 0.122)
    sway = dice.between(-0.022, 0.022)
    stance = dice.choose({"together": 0.4, "apart": 0.35, "step": 0.25})
    stepping = 1 if dice.happens(0.5) else -1
    poses = [dice.choose(_ARM_POSES) for _ in range(2)]
    return Body(
        head=_head(dice),
        shoulder=shoulder,
        waist=min(shoulder, hip) * dice.between(0.72, 0.92),
        hip=hip,
        sway=sway,
        arms=(_arm(dice, -1, shoulder, poses[0]), _arm(dice, 1, shoulder, poses[1])),
        arms_behind=(_hides(dice, poses[0]), _hides(dice, poses[1])),
        legs=(
            _leg(dice, -1, sway, hip, "step" if stance == "step" and stepping < 0 else stance),
            _leg(dice, 1, sway, hip, "step" if stance == "step" and stepping > 0 else stance),
        ),
    )


def leg_at(y: float) -> float:
    """Return how far down a leg a height is: 0 its root, 1 the knee, 2 the ankle."""
    return max(0.0, (y - HIPS - 0.02) / 0.18)


def _head(dice: Dice) -> Head:
    down = dice.between(0.106, 0.118)
    tilt = cmath.rect(1, math.radians(dice.between(-9.0, 9.0)))
    neck = complex(0, _CHIN)
    return Head(neck - 1j * tilt * down, down * dice.between(0.84, 0.95), down, tilt)


def _arm(dice: Dice, side: int, shoulder: float, kind: str) -> Limb:
    root = complex(side * (shoulder - 0.018), SHOULDERS + 0.015)
    (low, high), (lower, higher) = _ARM_ANGLES[kind]
    elbow = root + _way(side, dice.between(low, high)) * _UPPER_ARM
    # A forearm across the body points at the viewer too, so it looks shorter.
    length = _FOREARM * (0.85 if kind in {"across", "hip", "back"} else 1)
    wrist = elbow + _way(side, dice.between(lower, higher)) * length
    stout = dice.between(0.92, 1.15)
    return Limb((root, elbow, wrist), (_ARM_RADII[0] * stout, _ARM_RADII[1] * stout, _ARM_RADII[2] * stout), side)


def _hides(dice: Dice, kind: str) -> bool:
    return kind == "back" or (kind in {"down", "hip"} and dice.happens(0.3))


def _leg(dice: Dice, side: int, sway: float, hip: float, stance: str) -> Limb:
    root = complex(sway + side * hip * 0.5, HIPS + 0.02)
    spread = dice.between(0.062, 0.095) if stance == "apart" else dice.between(0.038, 0.054)
    ankle = complex(sway * 0.4 + side * spread, dice.between(0.918, 0.928))
    knee = (root + ankle) / 2 + side * dice.between(0.0, 0.01)
    if stance == "step":
        knee += complex(side * dice.between(0.008, 0.03), -0.012)
        ankle += complex(side * dice.between(-0.01, 0.05), -dice.between(0.012, 0.03))
    stout = dice.between(0.88, 1.12)
    return Limb((root, knee, ankle), (hip * 0.48, 0.039 * stout, 0.025 * stout), side)


def _way(side: int, degrees: float) -> complex:
    return complex(side * math.sin(math.radians(degrees)), math.cos(math.radians(degrees)))


def _between(values: Sequence[Number], along: float) -> Number:
    start = min(int(along), len(values) - 2)
    return values[start] + (values[start + 1] - values[start]) * (along - start)
