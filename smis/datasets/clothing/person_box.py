"""The part of a photograph that shows its person."""

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from smis.datasets.io.raw_images import Box, Size

_MARGIN = 0.02
"""On each side of the person, as a share of its height or width."""


def person_box(labels: UInt8[ndarray, "h w"], size: Size) -> Box:
    """Return the box of everything that is not background (0), widened to the aspect of `size`, with a margin.

    It stays within the photograph: near an edge it is moved, and if it is too large, its sides shrink alike. A map
    without a person gives the largest box of that aspect, in the middle.

    Example:
        >>> labels = np.zeros((100, 80), np.uint8)
        >>> labels[20:70, 30:40] = 1
        >>> person_box(labels, (96, 64))
        (18, 19, 53, 71)
    """
    (top, bottom), (left, right) = (_extent(np.logical_or.reduce(labels, axis=axis)) for axis in (1, 0))
    aspect, least = size[0] / size[1], 1 + 2 * _MARGIN
    height = max((bottom - top) * least, (right - left) * least * aspect)
    height = min(height, float(labels.shape[0]), labels.shape[1] * aspect)
    top, bottom = _centered((top + bottom) / 2, height, end=labels.shape[0])
    left, right = _centered((left + right) / 2, height / aspect, end=labels.shape[1])
    return left, top, right, bottom


def _extent(present: ndarray) -> tuple[int, int]:
    """Return the first place and the one after the last; all of them where there is none."""
    places = np.flatnonzero(present)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, len(present))


def _centered(middle: float, length: float, *, end: int) -> tuple[int, int]:
    """Return a range of so many whole pixels about the middle, moved into 0 to `end`."""
    pixels = min(max(1, round(length)), end)
    start = min(max(0, round(middle - length / 2)), end - pixels)
    return start, start + pixels
