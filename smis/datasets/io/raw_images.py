"""Image files of a data set: read by name, resized with Pillow's bicubic filter for colors and nearest for ids."""

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from smis.core import images
from smis.datasets.io.raw_files import MultiRoot

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""
Size = tuple[int, int]
"""Height and width, in pixels."""


def image_size(files: MultiRoot, name: str, *, upright: bool = False) -> Size:
    """Return height and width of an image; of a file in a folder or a zip file only the head is read."""
    return images.read_size(lambda: files.opened(name), title=files.title(name), upright=upright)


def read_image(files: MultiRoot, name: str, *, upright: bool = False) -> Image.Image:
    """Read an image as RGB (see `smis.core.images.read_rgb`)."""
    return images.read_rgb(lambda: files.opened(name), title=files.title(name), upright=upright)


def read_map(files: MultiRoot, name: str) -> ndarray:
    """Read the ids of a map (see `smis.core.images.read_ids`)."""
    return images.read_ids(lambda: files.opened(name), title=files.title(name))


def resize_image(image: Image.Image, size: Size, *, box: Box | None = None) -> UInt8[ndarray, "h w 3"]:
    """Resize colors, or the part of them in `box`, as torchvision's `Resize` does on Pillow images."""
    if (image.height, image.width) == size and box is None:
        return np.asarray(image)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC, box=box))


def resize_ids(ids: ndarray, size: Size, *, box: Box | None = None) -> ndarray:
    """Resize a map (uint8 or int32), or the part of it in `box`; no id appears that was not there.

    Example:
        >>> resize_ids(np.array([[0, 9]], np.uint8), (1, 4)).tolist()
        [[0, 0, 9, 9]]
    """
    if ids.shape == size and box is None:
        return ids
    return np.asarray(Image.fromarray(ids).resize((size[1], size[0]), Image.Resampling.NEAREST, box=box))


def resize_by_majority(ids: UInt8[ndarray, "h w"], size: Size, *, box: Box | None = None) -> UInt8[ndarray, "y x"]:
    """Resize a map, or the part of it in `box`: each pixel gets the id that covers most of it, of equals the lowest.

    Example:
        >>> resize_by_majority(np.array([[1, 1, 0, 0], [1, 2, 0, 2]], np.uint8), (1, 2))
        array([[1, 0]], dtype=uint8)
    """
    if ids.shape == size and box is None:
        return ids
    present = np.flatnonzero(np.bincount(ids.ravel(), minlength=256)).astype(np.uint8)
    masks = (Image.fromarray(np.where(ids == number, np.uint8(255), np.uint8(0))) for number in present)
    covered = [np.asarray(mask.resize((size[1], size[0]), Image.Resampling.BOX, box=box)) for mask in masks]
    return present[np.argmax(covered, axis=0)]
