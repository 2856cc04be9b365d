"""Maps as runs of pixels that have one id: pixels of one object lie side by side, so that there are few runs."""

import numpy as np
from jaxtyping import Int
from numpy import ndarray


def starts_of(*maps: ndarray, pixels: int | None = None) -> Int[ndarray, " runs"]:
    """Return where, in row-major order, the ids change, and where an image begins.

    Args:
        pixels: Pixels of an image; by default all maps are of one image.

    Example:
        >>> starts = starts_of(np.array([[5, 5, 7], [7, 7, 2]]))
        >>> starts.tolist(), lengths_of(starts, 6).tolist()
        ([0, 2, 5], [2, 3, 1])
    """
    is_start = np.zeros(maps[0].size, dtype=bool)
    for ids in map(np.ravel, maps):
        is_start[1:] |= ids[1:] != ids[:-1]
    is_start[:: pixels or maps[0].size] = True
    return np.flatnonzero(is_start)


def lengths_of(starts: Int[ndarray, " runs"], pixels: int) -> Int[ndarray, " runs"]:
    """Return how many pixels each run has, of so many altogether."""
    return np.diff(starts, append=pixels)
