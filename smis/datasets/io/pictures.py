"""Picture files as bytes -> colors and ids, or a sentence that says what is wrong with the file."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO

import numpy as np
from numpy import ndarray
from PIL import ExifTags, Image, UnidentifiedImageError

from smis.core.errors import ImageError, LabelError, SmisError
from smis.datasets.io.archives import PackedError
from smis.datasets.io.files import Files, Several

_ID_MODES = ("L", "P", "1", "I", "I;16")
_DEEP_MODES = ("I", "I;16", "F")
_FAULTS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation; from 5 on it lies on its side."""


def size(files: Several, name: str, *, upright: bool = False) -> tuple[int, int]:
    """Return height and width, upright as viewers show the picture, or as its pixels are stored.

    Of a file in a folder only the head is read.

    Raises:
        ImageError: if it is no picture.
    """
    with _opened(lambda: files.opened(name), files.title(name), kind=ImageError) as image:
        lies = upright and _orientation(image) >= 5
        return (image.width, image.height) if lies else (image.height, image.width)


def read_image(files: Files, name: str, *, upright: bool = False) -> Image.Image:
    """Read colors; gray and palette become RGB, transparency is dropped, as in the released code.

    That code also takes pixels as they are stored. Labels that somebody drew over what a viewer shows fit the picture
    `upright`: turned as its EXIF says.

    Raises:
        ImageError: if the file is broken, or has more than 8 bits for a channel.
    """
    with _opened(lambda: BytesIO(files.read(name)), files.title(name), kind=ImageError) as image:
        turn = _TURNS.get(_orientation(image)) if upright else None
        image.load()
        mode, colors = image.mode, image if image.mode == "RGB" else image.convert("RGB")
    if mode in _DEEP_MODES:
        raise ImageError(f"{files.title(name)} has mode {mode}, but pictures have 8 bits a channel; save it as RGB")
    return colors if turn is None else colors.transpose(turn)


def read_ids(files: Files, name: str) -> ndarray:
    """Read a map's ids (height x width, uint8 or int32): gray, palette, or three equal channels of gray.

    Raises:
        LabelError: if the file is broken, or has colors instead of ids.
    """
    with _opened(lambda: BytesIO(files.read(name)), files.title(name), kind=LabelError) as image:
        mode, ids = image.mode, np.asarray(image)
    if mode == "RGB" and (ids == ids[..., :1]).all():
        return np.ascontiguousarray(ids[..., 0])
    if mode not in _ID_MODES:
        remedy = "but a map has one channel of ids; save it as gray or palette PNG"
        raise LabelError(f"{files.title(name)} has mode {mode}, {remedy}")
    return ids if ids.dtype == np.uint8 else ids.astype(np.int32)


@contextmanager
def _opened(
    stream: Callable[[], BufferedReader | BytesIO], title: str, *, kind: type[SmisError]
) -> Iterator[Image.Image]:
    """Open a picture, of which only the head is decoded at first."""
    try:
        # PIL warns of large pictures and damaged EXIF; what it can read all the same, is read
        with warnings.catch_warnings(action="ignore"), stream() as content:
            _check_depth(content.read(26), title=title, kind=kind)
            content.seek(0)
            with Image.open(content) as image:
                yield image
    except _FAULTS as error:
        raise _unreadable(title, error, kind=kind) from None


def _check_depth(head: bytes, *, title: str, kind: type[SmisError]) -> None:
    """Refuse a PNG of more than one channel and 16 bits in each, of which PIL would drop 8 without a word."""
    if head.startswith(b"\x89PNG") and head[24:25] == b"\x10" and head[25:] != b"\0":
        raise kind(f"{title} has many channels of 16 bits, but they have 8 bits here; save it with 8 bits a channel")


def _orientation(image: Image.Image) -> int:
    """Say how a picture that was just opened has to be turned: 1 to 8, as EXIF has it; 1 if it does not say."""
    try:
        # PngImageFile's own getexif would decode all pixels to look for EXIF behind them
        found = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF raises nearly anything, and nobody needs it to see the picture
        return 1
    return found if found in _TURNS else 1


def _unreadable(title: str, error: Exception, *, kind: type[SmisError]) -> SmisError:
    # PIL names the buffer in memory by its address, which would differ from run to run.
    unknown = isinstance(error, UnidentifiedImageError)
    reason = "it is no picture" if unknown else " ".join(str(error).replace(title, "it").split())
    return kind(f"cannot read {title} ({reason.partition(', could be')[0]}); {_remedy(error)}")


def _remedy(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "cut it into parts first"
    if isinstance(error, PackedError):
        return "pack it anew, deflated and without a password"
    return "is the file whole? copy it again or take it away"
