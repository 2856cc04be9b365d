"""Augmentation of pictures together with their maps; each draw depends on (seed, position in the stream) alone."""

import hashlib

import numpy as np
from jaxtyping import Bool, Float64, Int, UInt16
from numpy import ndarray

from smis.data.pictures import Pictures


def uniform(seed: int, positions: Int[ndarray, " b"], purpose: str) -> Float64[ndarray, " b"]:
    """Draw one number in 0..1 (1 excluded) for each position, whoever asks and in whatever order.

    SplitMix64 as a counter-based generator: Steele et al., "Fast Splittable Pseudorandom Number Generators" (OOPSLA
    2014), Fig. 18.
    """
    start = hashlib.sha256(repr((seed, purpose)).encode()).digest()[:8]
    state = positions.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.frombuffer(start, dtype="<u8")
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


def flip(pictures: Pictures, chosen: Bool[ndarray, " b"]) -> Pictures:
    """Mirror the chosen pictures left to right."""

    def mirror(array: ndarray) -> ndarray:
        mirrored = array.copy()
        mirrored[chosen] = array[chosen, :, ::-1]
        return mirrored

    return Pictures(mirror(pictures.image), mirror(pictures.labels), mirror(pictures.instances))


def crop(pictures: Pictures, size: tuple[int, int], *, where: Float64[ndarray, "b 2"]) -> Pictures:
    """Cut a window of `size` (height, width) at a place given in 0..1; instances are numbered from 0 again."""
    rows, columns = (
        np.floor(where[:, side] * (pictures.labels.shape[1 + side] - size[side] + 1)).astype(np.int64)[:, None]
        + np.arange(size[side])
        for side in (0, 1)
    )
    window = np.arange(len(where))[:, None, None], rows[:, :, None], columns[:, None, :]
    return Pictures(pictures.image[window], pictures.labels[window], renumbered(pictures.instances[window]))


def renumbered(instances: UInt16[ndarray, "b h w"]) -> UInt16[ndarray, "b h w"]:
    """Make the ids of each picture dense from 0, in the order that they had."""
    picture = np.arange(len(instances))[:, None, None]
    present = np.zeros((len(instances), int(instances.max(initial=0)) + 1), dtype=bool)
    present[picture, instances] = True
    return (present.cumsum(axis=1) - 1).astype(np.uint16)[picture, instances]
