"""Label maps that are brought in: ids, palette indices, or colors of the model's palette, and what was not exact."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from smis.core.errors import LabelError
from smis.core.images import Color
from smis.core.sample import check_range, remedy_of_ids
from smis.datasets.io.raw_images import resize_ids
from smis.studio.encoded_images import decode_map, decode_picture, resize_note

_TITLE = "the label map"
_LEAST_EXACT = 0.5
"""Share of pixels; a picture with fewer that have colors of the palette is no label map."""


@dataclass(frozen=True)
class ImportedLabels:
    """A map of a model's ids (h, w), and a sentence for each thing that was not exact."""

    ids: ndarray
    notes: tuple[str, ...]


def import_labels(
    data: bytes, *, classes: Sequence[str], palette: Sequence[Color], size: tuple[int, int]
) -> ImportedLabels:
    """Read a label map for a model: ids as they are, colors as the classes that they are nearest to.

    Args:
        data: The file.
        classes: The model's names by id.
        palette: The model's colors by id.
        size: Height and width that the model paints.

    Raises:
        LabelError: if it is no label map, or has ids that are no classes.
    """
    notes: list[str] = []
    try:
        ids = decode_map(data, title=_TITLE)
    except LabelError as refused:
        ids, inexact = _by_color(data, palette, refused=refused)
        if inexact:
            pixels = "1 pixel" if inexact == 1 else f"{inexact:,} pixels"
            notes.append(f"{pixels} had colors that are not in the palette; the nearest class was taken")
    _check_ids(ids, classes)
    if ids.shape != size:
        before = ids.shape[0], ids.shape[1]
        notes.append(resize_note("the map", before, size, how="each pixel took the nearest one's class"))
        ids = resize_ids(ids, size)
    return ImportedLabels(ids, tuple(notes))


def _check_ids(ids: ndarray, classes: Sequence[str]) -> None:
    high = int(ids.max())
    remedy = ""
    if high >= len(classes):
        remedy = remedy_of_ids(np.unique(ids).tolist(), classes=len(classes)) or "bring in a map of the model's classes"
    check_range(int(ids.min()), high, name=_TITLE, classes=len(classes), remedy=remedy)


def _by_color(data: bytes, palette: Sequence[Color], *, refused: LabelError) -> tuple[ndarray, int]:
    """Return the nearest class of each pixel, and how many pixels do not have its color.

    Raises:
        LabelError: if few pixels have colors of the palette; `refused` if the file is no picture of colors.
    """
    try:
        picture = decode_picture(data, title=_TITLE)
    except Exception:
        raise refused from None
    colors, places = _colors_of(picture)
    distances = np.square(colors[:, None].astype(np.int32) - np.asarray(palette, np.int32)[None]).sum(axis=2)
    inexact = int((distances.min(axis=1) > 0)[places].sum())
    if (exact := picture.shape[0] * picture.shape[1] - inexact) < _LEAST_EXACT * (exact + inexact):
        share = exact / (exact + inexact)
        raise LabelError(
            f"{share:.0%} of the pixels of {_TITLE} have colors of the model's palette, at least {_LEAST_EXACT:.0%} "
            "must; save it with ids, or in the palette's colors"
        )
    return distances.argmin(axis=1).astype(np.int32)[places].reshape(picture.shape[:2]), inexact


def _colors_of(picture: UInt8[ndarray, "h w 3"]) -> tuple[ndarray, ndarray]:
    """Return the colors of a picture, and the number of each pixel's."""
    packed = picture.astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32)
    values, places = np.unique(packed, return_inverse=True)
    return np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1), places.ravel()
