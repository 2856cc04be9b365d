"""From the size on the disk to the size that is trained on: PIL's bicubic for colours, its nearest for ids."""

import hashlib

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""
Size = tuple[int, int]
"""Height and width, in pixels."""


def resized_image(image: Image.Image, size: Size, *, box: Box | None = None) -> UInt8[ndarray, "h w 3"]:
    """Resize colours, or a part of them, as torchvision's `Resize` does on PIL pictures."""
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC, box=box))


def resized_ids(ids: ndarray, size: Size, *, box: Box | None = None) -> ndarray:
    """Resize a map (uint8 or int32), or a part of it; no id appears that was not there."""
    if ids.shape == size and box is None:
        return ids
    return np.asarray(Image.fromarray(ids).resize((size[1], size[0]), Image.Resampling.NEAREST, box=box))


def window(load: Size, size: Size, *, name: str) -> tuple[slice, slice]:
    """Return the place of `size` in `load` that a name draws: the same on every machine."""
    draw = hashlib.sha256(name.encode()).digest()
    top, left = (
        int.from_bytes(draw[8 * side : 8 * side + 8], "little") % (load[side] - size[side] + 1) for side in (0, 1)
    )
    return slice(top, top + size[0]), slice(left, left + size[1])
