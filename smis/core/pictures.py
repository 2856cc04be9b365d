"""Picture files, opened or refused."""

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from smis.core.errors import ImageError, LabelError


def open_picture(path: Path, error: type[ImageError] | type[LabelError] = ImageError) -> Image.Image:
    """Read a whole picture file, in the mode that it has.

    Raises:
        ImageError, LabelError: as asked for, if there is none or it cannot be read.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except FileNotFoundError:
        raise error(f"there is no file {path}") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise error(f"{path} is no picture that can be read; give a whole PNG or JPEG") from None
