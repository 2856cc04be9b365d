"""Maps and pictures as they travel: PNG in base64, decoded by `smis.core.images` alone, of bounded size."""

import binascii
from base64 import b64decode, b64encode
from io import BytesIO

import numpy as np
from numpy import ndarray
from PIL import Image

from smis.core.errors import ImageError, LabelError, SmisError
from smis.core.images import encode_map, read_ids, read_rgb, read_size
from smis.core.shapes import ImageArray, size_text
from smis.datasets.io.raw_images import resize_image

MOST_PIXELS = 64 * 2**20
"""Of a picture or a map that is brought in: a photograph of 64 megapixels."""


def decode_base64(text: str, *, title: str) -> bytes:
    """Return the bytes of a text.

    Raises:
        ImageError: if it is not base64.
    """
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ImageError(f"{title} is not base64; send a PNG, encoded as base64 without a prefix") from None


def decode_map(data: bytes, *, title: str) -> ndarray:
    """Return the ids of a map (h, w), uint8 or int32.

    Raises:
        LabelError: if it is no map of ids, or too large.
    """
    check_pixels(data, title=title, error=LabelError)
    return read_ids(lambda: BytesIO(data), title=title)


def decode_picture(data: bytes, *, title: str, size: tuple[int, int] | None = None) -> ImageArray:
    """Return a picture as 8-bit RGB (h, w, 3), upright, resized as the data sets are.

    Raises:
        ImageError: if it is no picture, or too large.
    """
    check_pixels(data, title=title, error=ImageError)
    picture = read_rgb(lambda: BytesIO(data), title=title, upright=True)
    return resize_image(picture, size) if size is not None else np.asarray(picture)


def check_pixels(data: bytes, *, title: str, error: type[SmisError]) -> tuple[int, int]:
    """Return height and width from the head of a file, before anything is decoded.

    Raises:
        ImageError: or `error`, if it is no picture, or has more pixels than are allowed.
    """
    try:
        size = read_size(lambda: BytesIO(data), title=title)
    except ImageError as refused:
        raise error(str(refused)) from None
    if size[0] * size[1] > MOST_PIXELS:
        raise error(
            f"{title} is {size_text(size)}, allowed are {MOST_PIXELS // 2**20} megapixels; make it smaller first"
        )
    return size


def resize_note(title: str, size: tuple[int, int], target: tuple[int, int], *, how: str) -> str:
    """Return the sentence that tells that something was not of a model's size.

    Example:
        >>> resize_note("the map", (64, 64), (32, 64), how="each pixel took the nearest one's class")
        "the map was 64 x 64; it was resized and stretched to 32 x 64: each pixel took the nearest one's class"
    """
    stretched = " and stretched" if size[0] * target[1] != size[1] * target[0] else ""
    return f"{title} was {size_text(size)}; it was resized{stretched} to {size_text(target)}: {how}"


def picture_text(picture: ImageArray) -> str:
    """Return a picture (h, w, 3) of bytes as a PNG in base64."""
    return b64encode(picture_bytes(picture)).decode()


def picture_bytes(picture: ImageArray) -> bytes:
    """Return a picture (h, w, 3) of bytes as a PNG, in a third of the usual time and a fifth larger."""
    target = BytesIO()
    Image.fromarray(picture).save(target, "png", compress_level=1)
    return target.getvalue()


def map_bytes(ids: ndarray) -> bytes:
    """Return a map (h, w) as a PNG of one channel: 8 bits, or 16 where an id needs them.

    Example:
        >>> decode_map(map_bytes(np.array([[0, 300]])), title="it").tolist()
        [[0, 300]]
    """
    return encode_map(ids.astype(np.uint8 if ids.max(initial=0) < 256 else np.uint16))


def map_text(ids: ndarray) -> str:
    """Return a map (h, w) as a PNG in base64."""
    return b64encode(map_bytes(ids)).decode()
