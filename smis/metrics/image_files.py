"""Batches of images and label maps from files, decoded and resized by several threads.

Pillow and torch release the interpreter lock while they decode and resize, so that threads suffice.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Int, UInt8
from numpy import ndarray
from torch import Tensor

from smis.core import images
from smis.core.errors import ImageError, ParamsError, SmisError
from smis.core.files import printable
from smis.core.images import ENDINGS, read_photograph, to_image
from smis.core.shapes import ImageArray, size_text
from smis.metrics.image.features import AnyImage

_SHEET = "sheet.png"
"""The contact sheet that `smis generate` writes beside its images."""

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """A set of images: unique names, a function that reads the image of an index, and a title for messages.

    Example:
        >>> black = Source(["a", "b"], lambda number: np.zeros((4, 8, 3), np.uint8), "two black images")
        >>> [(names, tuple(image.shape)) for names, image in image_batches(black, batch=2, workers=1)]
        [(['a', 'b'], (2, 3, 4, 8))]
    """

    names: Sequence[str]
    read: Callable[[int], ImageArray]
    title: str

    def __len__(self) -> int:
        return len(self.names)


def folder(path: Path) -> Source:
    """Return the images of a folder, named without their extensions; `sheet.png` is left out.

    Raises:
        ImageError: if there is none, or two have the same name.
    """
    files = files_by_name(path)
    names = list(files)
    return Source(names, lambda number: read_photograph(files[names[number]]), str(path))


def files_by_name(path: Path, *, error: type[SmisError] = ImageError) -> dict[str, Path]:
    """Return a folder's image files by their names without extensions, sorted."""
    if not path.is_dir():
        raise error(f"{path} is no folder; give a folder of images")
    files: dict[str, Path] = {}
    for file in images.files_in(path):
        if file.name == _SHEET:
            continue
        if file.stem in files:
            raise error(f"{files[file.stem]} and {file} have one name; keep one of them")
        files[file.stem] = file
    if not files:
        raise error(f"there is no image in {path}; it may hold {', '.join(ENDINGS)}")
    return files


def pair_up(first: dict[str, Path], second: dict[str, Path], *, folders: tuple[Path, Path]) -> list[str]:
    """Return the names, after checking that both folders have the same.

    Raises:
        ParamsError: naming the first file that has no partner.
    """
    for files, partners, other, index in ((first, second, folders[1], 0), (second, first, folders[0], 1)):
        alone = [name for name in files if name not in partners]
        if alone:
            raise ParamsError(
                f"{files[alone[0]]} has no partner of that name in {other} ({len(alone)} of {len(files)} in "
                f"{folders[index]} have none); pairs are files with one name"
            )
    return list(first)


def read_ids(path: Path) -> Int[Tensor, "h w"]:
    """Read a label map (see `smis.core.images.read_ids`).

    Raises:
        LabelError: if the file is missing or broken, a JPEG, or has colors instead of ids.
    """
    return torch.from_numpy(images.read_ids(path, title=printable(str(path))).astype(np.int64))


def image_batches(
    source: Source, *, batch: int, workers: int, resize: Callable[[AnyImage], AnyImage] | None = None
) -> Iterator[tuple[list[str], AnyImage]]:
    """Yield (names, images of -1..1), at most `batch` at a time, in order.

    Each is resized by itself, by the threads too; a batch ends where the next image has another size than those in it.

    Raises:
        ImageError: if a picture cannot be read.
    """

    def prepared(number: int) -> tuple[str, AnyImage]:
        with torch.inference_mode():
            image = to_image(source.read(number)[None])
            return source.names[number], image if resize is None else resize(image)

    for part in read_ahead(prepared, len(source), workers=workers, batch=batch):
        for _, alike in groupby(part, key=lambda item: item[1].shape):
            names, images = zip(*alike, strict=True)
            yield list(names), torch.cat(images)


def of_one_size(numbers: Sequence[int], source: Source) -> UInt8[ndarray, "n h w 3"]:
    """Read images that are compared with each other.

    Raises:
        ImageError: naming the first that differs in size from the first.
    """
    images = [source.read(number) for number in numbers]
    check_sizes([f"{source.names[number]} of {source.title}" for number in numbers], images)
    return np.stack(images)


def check_sizes(names: Sequence[str], images: Sequence[ImageArray]) -> None:
    """Compare sizes (height x width).

    Raises:
        ImageError: naming the first that differs from the first.
    """
    for name, image in zip(names, images, strict=True):
        if image.shape != images[0].shape:
            size, expected = size_text(image.shape), size_text(images[0].shape)
            raise ImageError(f"{name} is {size}, but {names[0]} is {expected}; make them of one size")


def read_ahead(read: Callable[[int], T], count: int, *, workers: int, batch: int) -> Iterator[list[T]]:
    """Yield what `read` returns for 0 to `count` - 1, in order, `batch` at a time; threads are two batches ahead."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        pending: deque[Future[T]] = deque()
        try:
            for start in range(0, count, batch):
                stop = min(count, start + 3 * batch)
                pending.extend(pool.submit(read, number) for number in range(start + len(pending), stop))
                yield [pending.popleft().result() for _ in range(min(batch, count - start))]
        finally:
            for future in pending:
                future.cancel()
