"""From the size on the disk to the size that is trained on: PIL's bicubic for colors, its nearest for ids."""

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""
Size = tuple[int, int]
"""Height and width, in pixels."""


def resized_image(image: Image.Image, size: Size, *, box: Box | None = None) -> UInt8[ndarray, "h w 3"]:
    """Resize colors, or a part of them, as torchvision's `Resize` does on PIL pictures."""
    if (image.height, image.width) == size and box is None:
        return np.asarray(image)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC, box=box))


def resized_ids(ids: ndarray, size: Size, *, box: Box | None = None) -> ndarray:
    """Resize a map (uint8 or int32), or a part of it; no id appears that was not there."""
    if ids.shape == size and box is None:
        return ids
    return np.asarray(Image.fromarray(ids).resize((size[1], size[0]), Image.Resampling.NEAREST, box=box))
