"""Colors that go well together: drawn in OKLCH, where equal steps look equal, or along ramps of natural tones."""

import math
from collections.abc import Sequence

import numpy as np

Color = np.ndarray
"""Red, green and blue, 0..255 as float32."""

_SKIN = ("55352a", "74482f", "91603f", "ad7850", "c58f64", "d8a67b", "e6bc95", "f1cdab", "f7dcc2", "fbe7d8")
_HAIR = (
    "17141a",
    "2b1d18",
    "4a2f22",
    "6f4627",
    "96592b",
    "b97a3a",
    "d6a356",
    "ead08c",
    "b4452b",
    "8c2f2a",
    "9a9aa2",
    "dcd8d2",
)


def oklch(lightness: float, chroma: float, hue: float) -> Color:
    """Make a color from lightness 0..1, chroma 0..0.3 and hue in turns; chroma gives way where the screen ends.

    Ottosson, "A perceptual color space for image processing" (2020).
    """
    while True:
        linear = _linear(lightness, chroma * math.cos(2 * math.pi * hue), chroma * math.sin(2 * math.pi * hue))
        if chroma < 0.01 or (min(linear) >= 0 and max(linear) <= 1):
            return np.array([255 * _gamma(min(1.0, max(0.0, channel))) for channel in linear], dtype=np.float32)
        chroma *= 0.88


def skin(tone: float, warmth: float) -> Color:
    """Make a skin tone, 0 dark to 1 light, and 0 olive to 1 rosy."""
    return np.clip(_ramp(_SKIN, tone) + (warmth - 0.5) * np.array([14, -12, 6], dtype=np.float32), 0, 255)


def natural_hair(tone: float) -> Color:
    """Make a natural hair color: black, browns, blonds, reds, grays."""
    return _ramp(_HAIR, tone)


def mixed(one: Color, other: Color, share: float) -> Color:
    """Mix two colors."""
    return one + (other - one) * np.float32(share)


def brightness(color: Color) -> float:
    """Say how bright a color looks, 0..1."""
    red, green, blue = color.tolist()
    return (0.3 * red + 0.59 * green + 0.11 * blue) / 255


def _ramp(tones: Sequence[str], at: float) -> Color:
    place = at * (len(tones) - 1)
    start = min(int(place), len(tones) - 2)
    one, other = (np.array(list(bytes.fromhex(tone)), dtype=np.float32) for tone in tones[start : start + 2])
    return mixed(one, other, place - start)


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
