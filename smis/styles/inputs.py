"""Arguments of the library as tensors: files, PIL images, NumPy and torch arrays, checked once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from PIL import Image as Pillow
from torch import Tensor

from smis.core import images
from smis.core.errors import ImageError, LabelError, ParamsError, StyleError, shown
from smis.core.files import printable
from smis.core.images import read_photograph, to_signed, validate_images
from smis.core.numbers import scalar, whole_seed
from smis.core.shapes import Image, LabelMap, Sketch

ArrayOrFile = Tensor | ndarray | Pillow.Image | str | Path


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
    ids = _dense(source)
    if ids is None or ids.is_floating_point() or ids.is_complex() or ids.dim() not in (2, 3) or not ids.numel():
        given = shown(source if ids is None else ids)
        raise LabelError(f"{name}: {given}, but a map is (height, width) or (b, height, width) of integers")
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
    image = image[None] if image is not None and image.dim() == 3 else image
    if image is not None and image.dtype == torch.uint8 and image.dim() == 4 and image.shape[3] == 3 and image.numel():
        return torch.from_numpy(to_signed(image.cpu().numpy()))
    return validate_images(source if image is None else image, name="the image")


def read_sketch(source: ArrayOrFile) -> Sketch:
    """Read lines: float 0..1 as (h, w) or (b, 1, h, w), or a gray image, 0 where there is none.

    Raises:
        ImageError: if it is none of these.
    """
    if isinstance(source, str | Path | Pillow.Image):
        photograph = read_photograph(Path(source) if isinstance(source, str) else source)
        source = np.asarray(Pillow.fromarray(photograph).convert("L"))
    lines = _to_tensor(source)
    if lines is not None:
        lines = lines / 255 if lines.dtype == torch.uint8 else lines
        lines = lines if lines.dim() == 4 else lines[None, None]
    fits = lines is not None and lines.is_floating_point() and lines.dim() == 4 and lines.shape[1] == 1
    if lines is None or not fits or not bool(((lines >= 0) & (lines <= 1)).all()):
        given = shown(source if lines is None else lines)
        raise ImageError(f"the sketch is {given}; give (h, w) of floats 0..1 or of uint8")
    return lines.float()


def file_name(source: object) -> str:
    """Return the name of a file for messages, "" of what is none."""
    return printable(str(source)) if isinstance(source, str | Path) else ""


def check_path(path: str | Path, name: str) -> Path:
    """Return the path of a file that a caller names.

    Raises:
        ParamsError: if it is no path.
    """
    if not isinstance(path, str | Path):
        raise ParamsError(f"the {name} is {shown(path)}; give the path of a file")
    return Path(path)


def expand_seeds(seed: int | Sequence[int], count: int) -> tuple[int, ...]:
    """Return a seed for each label map; a single one is that of all.

    Raises:
        StyleError: if their number is another.
        ParamsError: if one is no whole number from 0.
    """
    seeds = seed.tolist() if isinstance(seed, Tensor | ndarray) else seed
    if not isinstance(seeds, Sequence) or isinstance(seeds, str | bytes):
        return (whole_seed(seeds),) * count
    if len(seeds) != count:
        raise StyleError(f"there are {len(seeds)} seeds for {count} label maps; give one, or one for each")
    return tuple(whole_seed(each) for each in seeds)


def read_weight(weight: float, *, name: str) -> float:
    """Return a weight of 0 to 1.

    Raises:
        StyleError: if it is another number or thing; `name` is its name in the message.
    """
    number = scalar(weight)
    if not isinstance(number, int | float) or not 0 <= number <= 1:
        raise StyleError(f"{name} is {shown(weight)}; give 0 (this style) to 1 (the other)")
    return float(number)


def _to_tensor(source: object) -> Tensor | None:
    return _dense(np.array(source, order="C") if isinstance(source, ndarray) else source)


def _dense(source: object) -> Tensor | None:
    """Return an array or nested list as a tensor; None if it is no such thing, or a tensor without storage."""
    try:
        array = torch.as_tensor(source)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None
    return None if array.is_meta or array.layout is not torch.strided else array
