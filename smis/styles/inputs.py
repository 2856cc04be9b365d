"""Arguments of the library as tensors: files, PIL images, NumPy and torch arrays, checked once."""

from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from PIL import Image as Pillow
from torch import Tensor

from smis.core import images
from smis.core.errors import ImageError, LabelError
from smis.core.files import printable
from smis.core.images import read_photograph, to_signed
from smis.core.shapes import Image, LabelMap, Sketch

ArrayOrFile = Tensor | ndarray | Pillow.Image | str | Path

_TOLERANCE = 1e-3
"""By how much a float image may leave -1..1 through round-off."""


def read_ids(source: ArrayOrFile, *, name: str) -> LabelMap:
    """Read a map of ids onto the CPU: (h, w) or (b, h, w) of integers, or a gray or palette image.

    Raises:
        LabelError: if it is not a map of ids; `name` is its name in the message.
    """
    if isinstance(source, str | Path):
        name, source = file_name(source), Path(source)
    if isinstance(source, Path | Pillow.Image):
        source = images.read_ids(source, title=name)
    if isinstance(source, ndarray):
        # torch takes neither every unsigned type nor arrays with negative strides or without write access
        source = np.array(source, dtype=np.int64 if source.dtype.kind in "uib" else None, order="C")
    ids = torch.as_tensor(source)
    if ids.is_floating_point() or ids.is_complex() or ids.dim() not in (2, 3) or not ids.numel():
        raise LabelError(f"{name}: {_describe(ids)}, but a map is (height, width) or (b, height, width) of integers")
    return (ids if ids.dim() == 3 else ids[None]).to("cpu", torch.int64)


def read_image(source: ArrayOrFile) -> Image:
    """Read images: float -1..1 as (3, h, w) or (b, 3, h, w), or uint8 as (h, w, 3) or (b, h, w, 3), or a file.

    Raises:
        ImageError: if it is none of these.
    """
    if isinstance(source, str | Path | Pillow.Image):
        photograph = read_photograph(Path(source) if isinstance(source, str) else source)
        return torch.from_numpy(to_signed(photograph[None]))
    image = _to_tensor(source)
    image = image if image.dim() == 4 else image[None]
    if image.dtype == torch.uint8 and image.dim() == 4 and image.shape[3] == 3:
        return torch.from_numpy(to_signed(image.cpu().numpy()))
    if not image.is_floating_point() or image.dim() != 4 or image.shape[1] != 3:
        raise ImageError(f"the image is {_describe(image)}; give (3, h, w) of floats -1..1, or (h, w, 3) of uint8")
    low, high = float(image.min()), float(image.max())
    if not (low >= -1 - _TOLERANCE and high <= 1 + _TOLERANCE):
        raise ImageError(f"the image's values run from {low:g} to {high:g}, allowed are floats -1..1; scale or clamp")
    return image.float()


def read_sketch(source: ArrayOrFile) -> Sketch:
    """Read lines: float 0..1 as (h, w) or (b, 1, h, w), or a gray image, 0 where there is none.

    Raises:
        ImageError: if it is none of these.
    """
    if isinstance(source, str | Path | Pillow.Image):
        photograph = read_photograph(Path(source) if isinstance(source, str) else source)
        source = np.asarray(Pillow.fromarray(photograph).convert("L"))
    lines = _to_tensor(source)
    lines = lines / 255 if lines.dtype == torch.uint8 else lines
    lines = lines if lines.dim() == 4 else lines[None, None]
    fits = lines.is_floating_point() and lines.dim() == 4 and lines.shape[1] == 1
    if not fits or bool(((lines < 0) | (lines > 1)).any()):
        raise ImageError(f"the sketch is {_describe(lines)}; give (h, w) of floats 0..1 or of uint8")
    return lines.float()


def file_name(source: object) -> str:
    """Return the name of a file for messages, "" of what is none."""
    return printable(str(source)) if isinstance(source, str | Path) else ""


def _to_tensor(source: Tensor | ndarray) -> Tensor:
    return torch.as_tensor(np.array(source, order="C") if isinstance(source, ndarray) else source)


def _describe(array: Tensor) -> str:
    return f"{tuple(array.shape)} of {str(array.dtype).removeprefix('torch.')}"
