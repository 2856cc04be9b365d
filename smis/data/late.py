"""Pictures that are mirrored and scaled on the device that they go to: as bytes, a fifth of the load goes there."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, UInt8, UInt16
from numpy import ndarray
from torch import Tensor

from smis.core.batch import Batch
from smis.data.pictures import LEVELS, Pictures


@dataclass(frozen=True, eq=False)
class DeviceTransformBatch:
    """A batch as it lies on disk, and which of its pictures `to` will mirror."""

    image: UInt8[Tensor, "b h w 3"]
    labels: UInt8[Tensor, "b h w"]
    instances: UInt16[Tensor, "b h w"]
    mirrored: Bool[Tensor, " b"]
    keys: tuple[str, ...]
    shares: int = 1

    @classmethod
    def of(
        cls, pictures: Pictures, mirrored: Bool[ndarray, " b"], keys: tuple[str, ...], *, shares: int
    ) -> "DeviceTransformBatch":
        """Take pictures that nobody else holds."""
        arrays = (pictures.image, pictures.labels, pictures.instances, mirrored)
        return cls(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays), keys=keys, shares=shares)

    def pinned(self) -> "DeviceTransformBatch":
        """Copy into memory that a GPU can fetch from while the CPU goes on."""
        tensors = (self.image, self.labels, self.instances, self.mirrored)
        return DeviceTransformBatch(*(tensor.pin_memory() for tensor in tensors), keys=self.keys, shares=self.shares)

    def to(self, device: torch.device | str) -> Batch:
        """Move, mirror, scale: to the bits of the batch that a CPU finishes, without waiting for the device."""
        chosen = self.mirrored.to(device, non_blocking=True)[:, None, None]
        labels, instances = (
            torch.where(chosen, ids.flip(2), ids)
            for ids in (each.to(device, non_blocking=True).long() for each in (self.labels, self.instances))
        )
        levels = self.image.to(device, non_blocking=True).permute(0, 3, 1, 2).int()
        levels = torch.where(chosen[:, None], levels.flip(3), levels)
        scale = torch.from_numpy(LEVELS).to(device, non_blocking=True)
        return Batch(scale[levels], labels, instances, self.keys, self.shares)
