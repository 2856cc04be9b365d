"""Augmentation of images together with their maps; each draw depends on (seed, position in the stream) alone."""

import hashlib

import numpy as np
from jaxtyping import Bool, Float64, Int, UInt16
from numpy import ndarray

from smis.core.run_lengths import lengths_of, starts_of
from smis.data.image_batch import ByteImages


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


def flip(pictures: ByteImages, chosen: Bool[ndarray, " b"]) -> ByteImages:
    """Flip the chosen images left to right."""

    def mirror(array: ndarray) -> ndarray:
        mirrored = array.copy()
        mirrored[chosen] = array[chosen, :, ::-1]
        return mirrored

    return ByteImages(mirror(pictures.image), mirror(pictures.labels), mirror(pictures.instances))


def corners_of(where: Float64[ndarray, "b 2"], *, size: tuple[int, int], seen: tuple[int, int]) -> Int[ndarray, "b 2"]:
    """Return top and left, in pixels, of places of height and width `seen` in images of `size`.

    `where` is in 0..1 (1 excluded): each of the places that lie inside is as likely as any other, as in the released
    code, which draws `randint(0, load_size - crop_size)` for both sides.
    """
    return np.floor(where * (np.subtract(size, seen) + 1)).astype(np.int64)


def renumbered(instances: UInt16[ndarray, "b h w"]) -> UInt16[ndarray, "b h w"]:
    """Make the ids of each image dense from 0, in the order that they had."""
    pixels = instances[0].size
    starts = starts_of(instances, pixels=pixels)
    picture, ids = starts // pixels, instances.reshape(-1)[starts]
    present = np.zeros((len(instances), int(ids.max()) + 1), dtype=bool)
    present[picture, ids] = True
    numbers = (present.cumsum(axis=1) - 1).astype(np.uint16)[picture, ids]
    return np.repeat(numbers, lengths_of(starts, instances.size)).reshape(instances.shape)
