"""Many labeled pictures as three arrays, between the shards and the batch."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8, UInt16
from numpy import ndarray

from smis.core.batch import Batch


@dataclass(frozen=True, eq=False)
class Pictures:
    """Hold pictures of one size as they lie on disk: colors 0..255, class ids, instance ids."""

    image: UInt8[ndarray, "b h w 3"]
    labels: UInt8[ndarray, "b h w"]
    instances: UInt16[ndarray, "b h w"]

    def batch(self, keys: tuple[str, ...], *, shares: int = 1) -> Batch:
        """Turn into what a system takes: colors in -1..1, ids as int64."""
        return Batch(
            image=torch.from_numpy(signed(self.image)),
            labels=torch.from_numpy(self.labels.astype(np.int64)),
            instances=torch.from_numpy(self.instances.astype(np.int64)),
            keys=keys,
            shares=shares,
        )


LEVELS: Float32[ndarray, "256"] = np.arange(256, dtype=np.float32) / np.float32(127.5) - np.float32(1)
"""What each of 0..255 is in -1..1."""


def signed(image: UInt8[ndarray, "b h w 3"]) -> Float32[ndarray, "b 3 h w"]:
    """Scale 0..255 to -1..1, colors first.

    NumPy and not torch: it starts no threads of its own beside those that train.
    """
    scaled = np.ascontiguousarray(image.transpose(0, 3, 1, 2)).astype(np.float32)
    scaled /= 127.5
    scaled -= 1
    return scaled
