"""Picture files as bytes -> colours and ids, or a sentence that says what is wrong with the file."""

from io import BytesIO

import numpy as np
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from smis.core.errors import ImageError, LabelError, SmisError
from smis.datasets.reading.files import Files

_ID_MODES = ("L", "P", "1", "I", "I;16")
_DEEP_MODES = ("I", "I;16", "F")
_FAULTS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def size(files: Files, name: str) -> tuple[int, int]:
    """Return height and width, from the file's head alone.

    Raises:
        ImageError: if it is no picture.
    """
    try:
        with Image.open(BytesIO(files.read(name))) as image:
            return image.height, image.width
    except _FAULTS as error:
        raise _unreadable(files.title(name), error, kind=ImageError) from None


def read_image(files: Files, name: str) -> Image.Image:
    """Read colours; grey and palette become RGB, transparency is dropped, as in the released code.

    Raises:
        ImageError: if the file is broken, or has more than 8 bits for a channel.
    """
    try:
        with Image.open(BytesIO(files.read(name))) as image:
            image.load()
            mode, colours = image.mode, image if image.mode == "RGB" else image.convert("RGB")
    except _FAULTS as error:
        raise _unreadable(files.title(name), error, kind=ImageError) from None
    if mode in _DEEP_MODES:
        raise ImageError(f"{files.title(name)} has mode {mode}, but pictures have 8 bits a channel; save it as RGB")
    return colours


def read_ids(files: Files, name: str) -> ndarray:
    """Read a map's ids (height x width, uint8 or int32): grey, palette, or three equal channels of grey.

    Raises:
        LabelError: if the file is broken, or has colours instead of ids.
    """
    try:
        with Image.open(BytesIO(files.read(name))) as image:
            mode, ids = image.mode, np.asarray(image)
    except _FAULTS as error:
        raise _unreadable(files.title(name), error, kind=LabelError) from None
    if mode == "RGB" and (ids == ids[..., :1]).all():
        return np.ascontiguousarray(ids[..., 0])
    if mode not in _ID_MODES:
        remedy = "but a map has one channel of ids; save it as grey or palette PNG"
        raise LabelError(f"{files.title(name)} has mode {mode}, {remedy}")
    return ids if ids.dtype == np.uint8 else ids.astype(np.int32)


def _unreadable(title: str, error: Exception, *, kind: type[SmisError]) -> SmisError:
    # PIL names the buffer in memory by its address, which would differ from run to run.
    unknown = isinstance(error, UnidentifiedImageError)
    reason = "it is no picture" if unknown else " ".join(str(error).replace(title, "it").split())
    return kind(f"cannot read {title} ({reason}); is the file whole? copy it again or take it away")
