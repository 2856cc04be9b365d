"""What a person gives, as tensors: files, PIL pictures, NumPy and torch arrays, checked once."""

from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from PIL import Image as Pictures
from torch import Tensor

from smis.core.errors import ImageError, LabelError
from smis.core.images import ids_of, open_image, to_signed
from smis.core.shapes import Image, LabelMap, Sketch

Given = Tensor | ndarray | Pictures.Image | str | Path

_OVERSHOOT = 1e-3
"""By how much a float picture may leave -1..1: round-off, not another range."""


def read_ids(given: Given, *, name: str) -> LabelMap:
    """Read a map of ids, (h, w) or (b, h, w) of integers or a gray or palette picture, onto the CPU.

    Raises:
        LabelError: if it is no map of ids; `name` says which it is.
    """
    if isinstance(given, str | Path):
        name, given = str(given), open_image(Path(given), LabelError)
    if isinstance(given, Pictures.Image):
        given = ids_of(given, title=name)
    if isinstance(given, ndarray):
        # torch knows neither every unsigned type nor arrays that run backwards or are not to be written to
        given = np.array(given, dtype=np.int64 if given.dtype.kind in "uib" else None, order="C")
    ids = torch.as_tensor(given)
    if ids.is_floating_point() or ids.is_complex() or ids.dim() not in (2, 3) or not ids.numel():
        raise LabelError(f"{name}: {_what(ids)}, but a map is (height, width) or (pictures, height, width) of integers")
    return (ids if ids.dim() == 3 else ids[None]).to("cpu", torch.int64)


def read_image(given: Given) -> Image:
    """Read pictures: float -1..1 as (3, h, w) or (b, 3, h, w), or uint8 as (h, w, 3) or (b, h, w, 3), or a file.

    Raises:
        ImageError: if it is none of these.
    """
    if isinstance(given, str | Path):
        given = open_image(Path(given))
    if isinstance(given, Pictures.Image):
        given = np.asarray(given.convert("RGB"))
    image = torch.as_tensor(np.array(given, order="C") if isinstance(given, ndarray) else given)
    image = image if image.dim() == 4 else image[None]
    if image.dtype == torch.uint8 and image.dim() == 4 and image.shape[3] == 3:
        return torch.from_numpy(to_signed(image.cpu().numpy()))
    if not image.is_floating_point() or image.dim() != 4 or image.shape[1] != 3:
        raise ImageError(f"the picture: {_what(image)}, but it is (3, h, w) of floats -1..1, or (h, w, 3) of uint8")
    low, high = float(image.min()), float(image.max())
    if not (low >= -1 - _OVERSHOOT and high <= 1 + _OVERSHOOT):
        raise ImageError(f"the picture's values run from {low:g} to {high:g}, allowed are floats -1..1; scale or clamp")
    return image.float()


def read_sketch(given: Given) -> Sketch:
    """Read lines: float 0..1 as (h, w) or (b, 1, h, w), or a gray picture, 0 where there is none.

    Raises:
        ImageError: if it is none of these.
    """
    if isinstance(given, str | Path):
        given = open_image(Path(given))
    if isinstance(given, Pictures.Image):
        given = np.asarray(given.convert("L"))
    lines = torch.as_tensor(np.array(given, order="C") if isinstance(given, ndarray) else given)
    lines = lines / 255 if lines.dtype == torch.uint8 else lines
    lines = lines if lines.dim() == 4 else lines[None, None]
    if (
        not lines.is_floating_point()
        or lines.dim() != 4
        or lines.shape[1] != 1
        or bool(((lines < 0) | (lines > 1)).any())
    ):
        raise ImageError(f"the sketch: {_what(lines)}, but it is (h, w) of floats 0..1 or of uint8")
    return lines.float()


def _what(array: Tensor) -> str:
    return f"{tuple(array.shape)} of {str(array.dtype).removeprefix('torch.')}"
