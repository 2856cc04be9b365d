"""Images and maps as bytes, between the shards and the batch that a system takes, and how both are augmented together.

Each draw depends on (seed, position in the stream) alone.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int, UInt8, UInt16
from numpy import ndarray
from torch import Tensor

from smis.core.batch import Batch
from smis.core.images import LEVELS, to_signed
from smis.core.run_lengths import lengths_of, starts_of


@dataclass(frozen=True, eq=False)
class ByteImages:
    """Images of one size as they lie on disk: colors 0..255, class ids, instance ids.

    Example:
        >>> ids = np.array([[[0, 1]], [[0, 1]]], np.uint8)
        >>> images = ByteImages(np.zeros((2, 1, 2, 3), np.uint8), ids, ids.astype(np.uint16))
        >>> images.flipped(np.array([True, False])).labels.tolist()
        [[[1, 0]], [[0, 1]]]
    """

    image: UInt8[ndarray, "b h w 3"]
    labels: UInt8[ndarray, "b h w"]
    instances: UInt16[ndarray, "b h w"]

    def flipped(self, chosen: Bool[ndarray, " b"]) -> "ByteImages":
        """Flip the chosen images left to right."""

        def mirror(array: ndarray) -> ndarray:
            mirrored = array.copy()
            mirrored[chosen] = array[chosen, :, ::-1]
            return mirrored

        return ByteImages(mirror(self.image), mirror(self.labels), mirror(self.instances))

    def to_batch(self, keys: tuple[str, ...], *, shares: int = 1) -> Batch:
        """Convert colors to -1..1 and ids to int64."""
        return Batch(
            image=torch.from_numpy(to_signed(self.image)),
            labels=torch.from_numpy(self.labels.astype(np.int64)),
            instances=torch.from_numpy(self.instances.astype(np.int64)),
            keys=keys,
            shares=shares,
        )


@dataclass(frozen=True, eq=False)
class DeviceTransformBatch:
    """A batch of bytes that `to` flips and scales on the device: a fifth of the data is transferred."""

    image: UInt8[Tensor, "b h w 3"]
    labels: UInt8[Tensor, "b h w"]
    instances: UInt16[Tensor, "b h w"]
    flipped: Bool[Tensor, " b"]
    keys: tuple[str, ...]
    shares: int = 1

    @classmethod
    def of(
        cls, images: ByteImages, flipped: Bool[ndarray, " b"], keys: tuple[str, ...], *, shares: int
    ) -> "DeviceTransformBatch":
        """Take over images that nothing else refers to."""
        arrays = (images.image, images.labels, images.instances, flipped)
        return cls(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays), keys=keys, shares=shares)

    def pinned(self) -> "DeviceTransformBatch":
        """Copy into pinned memory, from which a GPU fetches asynchronously."""
        tensors = (self.image, self.labels, self.instances, self.flipped)
        return DeviceTransformBatch(*(tensor.pin_memory() for tensor in tensors), keys=self.keys, shares=self.shares)

    def to(self, device: torch.device | str) -> Batch:
        """Move, flip and scale, without waiting for the device; bit for bit what `ByteImages.to_batch` returns."""
        chosen = self.flipped.to(device, non_blocking=True)[:, None, None]
        labels, instances = (
            torch.where(chosen, ids.flip(2), ids)
            for ids in (each.to(device, non_blocking=True).long() for each in (self.labels, self.instances))
        )
        levels = self.image.to(device, non_blocking=True).permute(0, 3, 1, 2).int()
        levels = torch.where(chosen[:, None], levels.flip(3), levels)
        scale = torch.from_numpy(LEVELS).to(device, non_blocking=True)
        return Batch(scale[levels], labels, instances, self.keys, self.shares)


def uniform(seed: int, positions: Int[ndarray, " b"], purpose: str) -> Float64[ndarray, " b"]:
    """Draw one number in 0..1 (1 excluded) for each position, whoever asks and in whatever order.

    SplitMix64 as a counter-based generator: Steele et al., "Fast Splittable Pseudorandom Number Generators" (OOPSLA
    2014), Fig. 18.

    Example:
        >>> bool(uniform(0, np.array([7]), "flip")[0] == uniform(0, np.array([6, 7]), "flip")[1])
        True
    """
    start = hashlib.sha256(repr((seed, purpose)).encode()).digest()[:8]
    state = positions.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.frombuffer(start, dtype="<u8")
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


def corners_of(where: Float64[ndarray, "b 2"], *, size: tuple[int, int], seen: tuple[int, int]) -> Int[ndarray, "b 2"]:
    """Return top and left, in pixels, of places of height and width `seen` in images of `size`.

    `where` is in 0..1 (1 excluded): each of the places that lie inside is as likely as any other, as in the released
    code, which draws `randint(0, load_size - crop_size)` for both sides.

    Example:
        >>> corners_of(np.array([[0.0, 0.99]]), size=(286, 286), seen=(256, 256)).tolist()
        [[0, 30]]
    """
    return np.floor(where * (np.subtract(size, seen) + 1)).astype(np.int64)


def renumbered(instances: UInt16[ndarray, "b h w"]) -> UInt16[ndarray, "b h w"]:
    """Make the ids of each image dense from 0, in the order that they had.

    Example:
        >>> renumbered(np.array([[[9, 3, 3]], [[4, 4, 4]]], np.uint16)).tolist()
        [[[1, 0, 0]], [[0, 0, 0]]]
    """
    pixels = instances[0].size
    starts = starts_of(instances, pixels=pixels)
    picture, ids = starts // pixels, instances.reshape(-1)[starts]
    present = np.zeros((len(instances), int(ids.max()) + 1), dtype=bool)
    present[picture, ids] = True
    numbers = (present.cumsum(axis=1) - 1).astype(np.uint16)[picture, ids]
    return np.repeat(numbers, lengths_of(starts, instances.size)).reshape(instances.shape)
