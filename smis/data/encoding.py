"""Pictures as bytes: raw where they are small, PNG or JPEG where reading the disk would take longer than decoding."""

from io import BytesIO
from typing import Literal

import numpy as np
from numpy import ndarray
from PIL import Image

Encoding = Literal["raw", "png", "jpeg"]


def encode_image(image: ndarray, encoding: Encoding) -> bytes:
    """Encode colors; JPEG is lossy (quality 95, colors at full resolution)."""
    settings = {"quality": 95, "subsampling": 0} if encoding == "jpeg" else {}
    return _encoded(image, encoding, **settings)


def encode_map(ids: ndarray) -> bytes:
    """Encode a label or instance map without loss, whatever the encoding of the image."""
    return _encoded(ids, "png")


def decode(data: bytes) -> ndarray:
    """Return the pixels of `encode_image` or `encode_map`."""
    return np.asarray(Image.open(BytesIO(data)))


def _encoded(pixels: ndarray, encoding: str, **settings: int) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, format=encoding, **settings)
    return file.getvalue()
