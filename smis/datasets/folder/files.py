"""Pictures and maps as they lie in somebody's folder."""

from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image

from smis.core.errors import ImageError, LabelError, SmisError

_ID_MODES = ("L", "P", "1", "I", "I;16")


def size(path: Path) -> tuple[int, int]:
    """Return height and width, from the file's head alone.

    Raises:
        ImageError: if it is no picture.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error, kind=ImageError) from None


def read_image(path: Path) -> Image.Image:
    """Read colours, whatever the file's mode.

    Raises:
        ImageError: if the file is broken.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error, kind=ImageError) from None


def read_ids(path: Path) -> ndarray:
    """Read a map's ids (int32, height x width).

    Raises:
        LabelError: if the file is broken, or has colours instead of ids.
    """
    try:
        with Image.open(path) as image:
            mode, ids = image.mode, np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error, kind=LabelError) from None
    if mode not in _ID_MODES:
        raise LabelError(f"{path} has mode {mode}, but a map has one channel of ids; save it as grey or palette PNG")
    return ids.astype(np.int32)


def _unreadable(path: Path, error: Exception, *, kind: type[SmisError]) -> SmisError:
    reason = " ".join(str(error).replace(str(path), "it").split())
    return kind(f"cannot read {path} ({reason}); is the file whole? copy it again or take it away")
