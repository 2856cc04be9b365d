"""Images and maps as bytes, between the shards and the batch that a system takes."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, UInt8, UInt16
from numpy import ndarray
from torch import Tensor

from smis.core.batch import Batch
from smis.core.images import LEVELS, to_signed


@dataclass(frozen=True, eq=False)
class ByteImages:
    """Images of one size as they lie on disk: colors 0..255, class ids, instance ids."""

    image: UInt8[ndarray, "b h w 3"]
    labels: UInt8[ndarray, "b h w"]
    instances: UInt16[ndarray, "b h w"]

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
