"""The appearance of a class: a function of its own row of independent uniform numbers, and of nothing else."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from smis.datasets.paperdoll.classes import BACKGROUND, BOTTOM, FACE, HAIR, NAMES, SHOES, SKIN, SOCKS, TOP
from smis.datasets.paperdoll.colors import Color, brightness, mixed, natural_hair, oklch, skin
from smis.datasets.paperdoll.patterns import Pattern

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


def draw_appearance(generator: np.random.Generator, *, people: int) -> Appearance:
    """Draw every class of every person, independently."""
    return generator.random((people, len(NAMES), NUMBERS))


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
    second = oklch(
        lightness - step if lightness > 0.6 else lightness + step, 0.04 + 0.12 * chroma, hue + 0.1 * next(numbers)
    )
    accent = next(numbers)
    trim = oklch(0.95, 0.015, hue) if accent < 0.4 else oklch(0.3, 0.03, hue) if accent < 0.65 else second
    return Look(base, second, trim, _pattern(numbers, kinds), 0.35 + 0.2 * next(numbers), 0.12, tuple(numbers))


def _small(numbers: Iterator[float]) -> Look:
    return _cloth(numbers, _SMALL)


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
    base = natural_hair(tone) if dyed < 0.55 else oklch(0.4 + 0.45 * tone, 0.08 + 0.1 * chroma, hue)
    away = 0.28 + 0.25 * next(numbers)
    bright = np.array([255, 236, 205], dtype=np.float32)
    second = mixed(base, bright, away) if brightness(base) < 0.55 else mixed(base, np.zeros(3, np.float32), away)
    kind = _pick({"plain": 0.5, "gradient": 0.35, "stripes": 0.15}, next(numbers))
    pattern = Pattern(kind, 0.1 + 0.05 * next(numbers), 1 + 0j, 0.5 + 0.5 * next(numbers))
    sheen = mixed(base, bright, 0.3)
    return Look(base, second, sheen, pattern, 0.35 + 0.2 * next(numbers), 0.2, tuple(numbers))


def _skin(numbers: Iterator[float]) -> Look:
    base = skin(next(numbers), next(numbers))
    pattern = Pattern(_pick({"plain": 0.7, "gradient": 0.3}, next(numbers)), 1.0, 1 + 0j, next(numbers))
    second = mixed(base, np.array([190, 70, 60], dtype=np.float32), 0.12 + 0.15 * next(numbers))
    return Look(base, second, base, pattern, 0.3 + 0.15 * next(numbers), 0.1, tuple(numbers))


def _pattern(numbers: Iterator[float], kinds: Mapping[str, float]) -> Pattern:
    kind = _pick(kinds, next(numbers))
    turn = _TURNS[int(next(numbers) * len(_TURNS))]
    return Pattern(kind, 0.1 + 0.07 * next(numbers), turn, next(numbers))


def _pick(weights: Mapping[str, float], number: float) -> str:
    left = number * sum(weights.values())
    for option, weight in weights.items():
        left -= weight
        if left < 0:
            return option
    return list(weights)[-1]


_LOOKS: dict[int, Callable[[Iterator[float]], Look]] = {
    BACKGROUND: _wall,
    HAIR: _hair,
    FACE: _skin,
    TOP: _cloth,
    SKIN: _skin,
    BOTTOM: _cloth,
    SHOES: _small,
    SOCKS: _cloth,
}
