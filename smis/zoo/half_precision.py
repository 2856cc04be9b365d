"""Weights stored in half precision: which, and how far the pictures are from those of the original."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Integer
from numpy import ndarray
from torch import Tensor

from smis.core.images import to_uint8
from smis.core.seeding import Noise, generator

SAMPLES = 4
"""Styles that are compared on each label map."""


def to_half(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert weights of two or more dimensions to float16.

    Biases and the statistics of norms stay: they are few, and a variance may be beyond float16's range. So does a
    weight that would become infinite.

    Example:
        >>> {key: each.dtype for key, each in to_half(torch.nn.Linear(2, 2).state_dict()).items()}
        {'weight': torch.float16, 'bias': torch.float32}
    """
    return {name: _to_half(tensor) for name, tensor in tensors.items()}


def _to_half(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point() or tensor.dim() < 2:
        return tensor
    half = tensor.half()
    return half if bool(half.isfinite().all()) else tensor


@torch.inference_mode()
def largest_difference(
    system: Any, stored: Any, label_maps: Sequence[Integer[ndarray, "h w"]], *, samples: int = SAMPLES
) -> int:
    """Compare the pictures of two systems, sampled in the same styles and, with an encoder, encoded and made again.

    Args:
        system: The original, in eval mode, on the CPU.
        stored: The same, with the weights that are stored.
        label_maps: Of class ids, of one size for both systems.
        samples: Styles for each label map.

    Returns:
        The largest difference of a pixel, in levels of 8 bits (0..255).
    """
    return max(_difference(system, stored, labels, samples) for labels in label_maps)


def _difference(system: Any, stored: Any, label_map: ndarray, samples: int) -> int:
    labels = torch.from_numpy(label_map.astype(np.int64)).expand(samples, *label_map.shape).contiguous()
    instances = labels.unique(return_inverse=True)[1]
    noise = generator(0, "half precision")
    lines = {"sketch": torch.rand(samples, 1, *label_map.shape, generator=noise)} if _reads_sketch(system) else {}
    style = system.sample(labels, instances, Noise(noise))
    image, other = (each.synthesize(labels, instances, style, **lines) for each in (system, stored))
    difference = _levels(image, other)
    if system.encoder is not None:
        pair = (each.encode(image, labels, instances, None) for each in (system, stored))
        again = [
            each.synthesize(labels, instances, encoded, **lines)
            for each, encoded in zip((system, stored), pair, strict=True)
        ]
        difference = max(difference, _levels(*again))
    return difference


def _reads_sketch(system: Any) -> bool:
    return getattr(system, "sketched", False)


def _levels(image: Tensor, other: Tensor) -> int:
    return int(np.abs(to_uint8(image).astype(np.int16) - to_uint8(other).astype(np.int16)).max())
