"""What each class of a person looks like: colors, patterns, and the numbers that choose them."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64

from smis.datasets.io.human_parsing import BACKGROUND, BOTTOM, FACE, HAIR, SHOES, SKIN, SOCKS, TOP
from smis.datasets.paperdoll.canvas import pick

Color = np.ndarray
"""Red, green and blue, 0..255 as float32."""

_SKIN = "55352a 74482f 91603f ad7850 c58f64 d8a67b e6bc95 f1cdab f7dcc2 fbe7d8"
_HAIR = "17141a 2b1d18 4a2f22 6f4627 96592b b97a3a d6a356 ead08c b4452b 8c2f2a 9a9aa2 dcd8d2"
"""Black, browns, blonds, reds, grays."""


def oklch(lightness: float, chroma: float, hue: float) -> Color:
    """Make a color from lightness 0..1, chroma 0..0.3 and hue in turns; chroma gives way where the screen ends.

    Ottosson, "A perceptual color space for image processing" (2020).
    """
    while True:
        linear = _linear(lightness, chroma * math.cos(2 * math.pi * hue), chroma * math.sin(2 * math.pi * hue))
        if chroma < 0.01 or (min(linear) >= 0 and max(linear) <= 1):
            return np.array([255 * _gamma(min(1.0, max(0.0, channel))) for channel in linear], dtype=np.float32)
        chroma *= 0.88


def mixed(one: Color, other: Color, share: float) -> Color:
    """Mix two colors."""
    return one + (other - one) * np.float32(share)


def brightness(color: Color) -> float:
    """Return how bright a color looks, 0..1."""
    red, green, blue = color.tolist()
    return (0.3 * red + 0.59 * green + 0.11 * blue) / 255


def _ramp(tones: str, at: float) -> Color:
    """Make the color at a place (0..1) along tones of RRGGBB."""
    colors = np.frombuffer(bytes.fromhex(tones), dtype=np.uint8).reshape(-1, 3).astype(np.float32)
    place = at * (len(colors) - 1)
    start = min(int(place), len(colors) - 2)
    return mixed(colors[start], colors[start + 1], place - start)


def _linear(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _gamma(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


@dataclass(frozen=True)
class Pattern:
    """A pattern's numbers; `period` is in image sizes, `turn` a unit number, `phase` 0..1."""

    kind: str
    period: float
    turn: complex
    phase: float

    def share(self, x: np.ndarray, y: np.ndarray, *, down: np.ndarray, size: int) -> np.ndarray | None:
        """Return the second color's share (0..1) at image places x (a row) and y (a column); None for plain.

        `down` runs from 0 at the top of the region to 1 at its bottom. No sine and no power is taken of a pixel's
        place, so every machine makes the same image.
        """
        if self.kind == "plain":
            return None
        if self.kind == "gradient":
            return np.broadcast_to(down if self.phase < 0.5 else 1 - down, (len(y), x.shape[-1]))
        along = (x * self.turn.real + y * self.turn.imag) / self.period + self.phase
        across = (y * self.turn.real - x * self.turn.imag) / self.period + self.phase
        along, across, pixels = _wave(along), _wave(across), self.period * size
        if self.kind == "dots":
            return _edge(0.31 - np.sqrt(along**2 + across**2), pixels)
        stripes = _edge(along - 0.25, pixels)
        return stripes if self.kind == "stripes" else (stripes + _edge(across - 0.25, pixels)) / 2


def _wave(values: np.ndarray) -> np.ndarray:
    """The distance (0..0.5) to the nearest whole number."""
    return np.abs(values - np.rint(values))


def _edge(inside: np.ndarray, pixels: float) -> np.ndarray:
    """Soften an edge over one pixel; `inside` is in periods."""
    return np.clip(inside * pixels + 0.5, 0, 1)


NUMBERS = 20
"""Numbers in the row of one class of one person."""

Appearance = Float64[np.ndarray, "people 8 20"]
"""All rows; replace one and only that person's class looks different. The background takes the first person's row."""

_CLOTH = {"plain": 0.36, "gradient": 0.2, "stripes": 0.2, "checks": 0.12, "dots": 0.12}
_SMALL = {"plain": 0.65, "gradient": 0.35}
_WALL = {"plain": 0.2, "gradient": 0.4, "stripes": 0.14, "checks": 0.12, "dots": 0.14}
_TURNS = (1 + 0j, 1j, 1j, 0.8 + 0.6j, 0.8 - 0.6j)


@dataclass(frozen=True)
class Look:
    """What a region is painted with; `shade` and `gloss` (0..1) say how deep its shadows and lights are."""

    base: Color
    second: Color
    trim: Color
    pattern: Pattern
    shade: float
    gloss: float
    rest: tuple[float, ...]
    """Numbers that are left for what only this class has: a face's features, a wall's spotlight."""


def look(label: int, row: np.ndarray) -> Look:
    """Turn a class's row of numbers into colors and a pattern."""
    return _LOOKS[label](iter(row.tolist()))


def _cloth(numbers: Iterator[float], kinds: Mapping[str, float] = _CLOTH) -> Look:
    lightness, chroma, hue = next(numbers), next(numbers), next(numbers)
    # Dark yellows look like mud: yellow begins brighter than other hues.
    darkest = 0.42 + 0.24 * max(0.0, 1 - abs(hue - 0.28) / 0.14)
    lightness = darkest + (0.92 - darkest) * lightness
    base = oklch(lightness, 0.012 if chroma < 0.12 else 0.05 + 0.15 * chroma, hue)
    step = 0.16 + 0.08 * next(numbers)
    away = lightness - step if lightness > 0.6 else lightness + step
    second = oklch(away, 0.04 + 0.12 * chroma, hue + 0.1 * next(numbers))
    accent = next(numbers)
    trim = oklch(0.95, 0.015, hue) if accent < 0.4 else oklch(0.3, 0.03, hue) if accent < 0.65 else second
    return Look(base, second, trim, _pattern(numbers, kinds), 0.35 + 0.2 * next(numbers), 0.12, tuple(numbers))


def _wall(numbers: Iterator[float]) -> Look:
    lightness, chroma, hue = 0.68 + 0.28 * next(numbers), 0.025 + 0.075 * next(numbers), next(numbers)
    base = oklch(lightness, chroma, hue)
    step = 0.05 + 0.06 * next(numbers)
    second = oklch(lightness - step, chroma, hue + 0.08 * next(numbers))
    pattern = _pattern(numbers, _WALL)
    if pattern.kind == "gradient":
        second = oklch(lightness - 1.8 * step, chroma * 1.3, hue + 0.12 * next(numbers))
    wide = Pattern(pattern.kind, pattern.period * 1.5, pattern.turn, pattern.phase)
    return Look(base, second, second, wide, 0.22 + 0.2 * next(numbers), 0.0, tuple(numbers))


def _hair(numbers: Iterator[float]) -> Look:
    dyed, tone, chroma, hue = (next(numbers) for _ in range(4))
    base = _ramp(_HAIR, tone) if dyed < 0.55 else oklch(0.4 + 0.45 * tone, 0.08 + 0.1 * chroma, hue)
    away = 0.28 + 0.25 * next(numbers)
    bright = np.array([255, 236, 205], dtype=np.float32)
    second = mixed(base, bright, away) if brightness(base) < 0.55 else mixed(base, np.zeros(3, np.float32), away)
    kind = pick({"plain": 0.5, "gradient": 0.35, "stripes": 0.15}, next(numbers))
    pattern = Pattern(kind, 0.1 + 0.05 * next(numbers), 1 + 0j, 0.5 + 0.5 * next(numbers))
    sheen = mixed(base, bright, 0.3)
    return Look(base, second, sheen, pattern, 0.35 + 0.2 * next(numbers), 0.2, tuple(numbers))


def _skin(numbers: Iterator[float]) -> Look:
    tone, warmth = next(numbers), next(numbers)
    base = np.clip(_ramp(_SKIN, tone) + (warmth - 0.5) * np.array([14, -12, 6], dtype=np.float32), 0, 255)
    pattern = Pattern(pick({"plain": 0.7, "gradient": 0.3}, next(numbers)), 1.0, 1 + 0j, next(numbers))
    second = mixed(base, np.array([190, 70, 60], dtype=np.float32), 0.12 + 0.15 * next(numbers))
    return Look(base, second, base, pattern, 0.3 + 0.15 * next(numbers), 0.1, tuple(numbers))


def _pattern(numbers: Iterator[float], kinds: Mapping[str, float]) -> Pattern:
    kind = pick(kinds, next(numbers))
    turn = _TURNS[int(next(numbers) * len(_TURNS))]
    return Pattern(kind, 0.1 + 0.07 * next(numbers), turn, next(numbers))


_LOOKS: dict[int, Callable[[Iterator[float]], Look]] = {
    BACKGROUND: _wall,
    HAIR: _hair,
    FACE: _skin,
    TOP: _cloth,
    SKIN: _skin,
    BOTTOM: _cloth,
    SHOES: partial(_cloth, kinds=_SMALL),
    SOCKS: _cloth,
}
