"""The one place where images change type: files -> pixels, bytes 0..255 <-> floats -1..1, EXIF orientation, ids."""

import math
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from numpy import ndarray
from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as Pillow
from torch import Tensor

from smis.core.errors import ImageError, LabelError, SmisError, shown
from smis.core.files import open_file, printable
from smis.core.shapes import Image, ImageArray

Encoding = Literal["raw", "png", "jpeg"]
Color = tuple[int, int, int]
"""Red, green, blue, 0..255."""

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
"""Of photographs: the formats that pytorch-fid reads."""
MAP_ENDINGS = tuple(ending for ending in ENDINGS if ending not in (".jpg", ".jpeg", ".webp"))
"""Of label and instance maps."""
_LOSSY = ("JPEG", "MPO", "WEBP")
_FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP", "GIF")
"""Of what Pillow reads; others start programs (EPS), or raise whatever they like."""
Source = Path | Pillow.Image | Callable[[], IO[bytes]]
"""A file, an opened image, or a function that opens one."""

_FAULTS = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AssertionError),
    *(MemoryError, Pillow.DecompressionBombError, struct.error),
)
"""What Pillow raises for a file that it cannot decode."""
_ID_MODES = ("L", "P", "1", "I", "I;16", "I;16B", "I;16L")
_ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")
_TRANSPOSE = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation; from 5 on width and height are swapped."""

_ROUND_OFF = 0.01
"""By how much an image may leave -1..1: next to 1, bfloat16 has steps of 0.008."""
_BLACK, _WHITE = 0.003, 0.98
"""Floats that span these, none negative, are 0..1: the darkest byte that is positive in -1..1 is 0.0039."""
_MASKED = 0.1
"""With more pixels than this that are exactly 0, they may be a bright part of -1..1 whose surroundings are masked."""

LEVELS: Float32[ndarray, "256"] = np.arange(256, dtype=np.float32) / np.float32(127.5) - np.float32(1)
"""The value in -1..1 of each byte 0..255."""


def to_signed(image: UInt8[ndarray, "b h w 3"]) -> Float32[ndarray, "b 3 h w"]:
    """Scale 0..255 to -1..1, channels first.

    In NumPy, which starts no threads beside those that train.

    Example:
        >>> to_signed(np.full((1, 2, 4, 3), 255, np.uint8)).max()
        np.float32(1.0)
    """
    scaled = np.ascontiguousarray(image.transpose(0, 3, 1, 2)).astype(np.float32)
    scaled /= 127.5
    scaled -= 1
    return scaled


def to_image(image: UInt8[ndarray, "b h w 3"], *, device: torch.device | str = "cpu") -> Image:
    """Scale 0..255 to -1..1 on a device, to the bits of `to_signed`.

    Example:
        >>> to_image(np.array([[[[0, 51, 255]]]], np.uint8)).flatten().round(decimals=4)
        tensor([-1.0000, -0.6000,  1.0000])
    """
    return torch.tensor(image).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def validate_images(image: Any, *, name: str = "the images", at_least: int = 1) -> Image:
    """Return images of a caller as float32, after checking that they are (b, 3, h, w), finite and of -1..1.

    Float32 images come back as they are. A GPU is waited for once, however many images there are.

    Args:
        image: Anything.
        name: What it is called in messages.
        at_least: Fewest images.

    Raises:
        ImageError: if it is something else, as bytes, channels last, or plainly floats of 0..1 or 0..255.

    Example:
        >>> validate_images(torch.zeros(2, 3, 4, 4, dtype=torch.float16)).dtype
        torch.float32
    """
    dense = isinstance(image, Tensor) and not image.is_meta and image.layout is torch.strided
    if not (dense and image.is_floating_point() and image.dim() == 4 and image.shape[1] == 3 and image.numel()):
        raise ImageError(
            f"{name}: {shown(image)}, but images are a tensor (b, 3, height, width) of floats, -1..1; "
            "`smis.core.images.to_image` makes it of bytes (b, height, width, 3)"
        )
    if len(image) < at_least:
        raise ImageError(f"{name}: {len(image)} image, but at least {at_least} are needed to compare; give more")
    signed = image.float()
    low, high = torch.stack(torch.aminmax(signed)).tolist()
    if not -1 - _ROUND_OFF <= low <= high <= 1 + _ROUND_OFF:  # also refuses NaN
        remedy = "scale them: image / 127.5 - 1" if low >= 0 and 2 < high <= 255 else "scale or clamp them"
        remedy = remedy if math.isfinite(low + high) else "the file or the model that they are from is broken"
        raise ImageError(f"{name}: values from {low:.4g} to {high:.4g}, but images are floats of -1..1; {remedy}")
    if 0 <= low < _BLACK and high > _WHITE and float((signed == 0).all(dim=1).float().mean()) < _MASKED:
        raise ImageError(f"{name}: values from 0 to 1, but images are floats of -1..1; scale them: image * 2 - 1")
    return signed


def to_levels(image: Tensor) -> UInt8[Tensor, "b 3 h w"]:
    """Clamp and scale -1..1 to bytes 0..255.

    Example:
        >>> to_levels(torch.tensor([-2.0, -1.0, 0.0, 1.0])).tolist()
        [0, 0, 128, 255]
    """
    return ((image.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def to_uint8(image: Image) -> UInt8[ndarray, "b h w 3"]:
    """Convert images of -1..1 to bytes 0..255, channels last, on the CPU.

    Example:
        >>> to_uint8(torch.zeros(1, 3, 2, 4)).shape
        (1, 2, 4, 3)
    """
    return to_levels(image).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def voc_color(number: int) -> Color:
    """Return a color of PASCAL VOC's palette: the bits of the number, dealt to red, green and blue.

    Example:
        >>> voc_color(3)
        (128, 128, 0)
    """
    color = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            color[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
    return color[0], color[1], color[2]


def read_photograph(source: Path | Pillow.Image) -> ImageArray:
    """Read a photograph that a person gives as 8-bit RGB, upright as its EXIF says.

    Gray becomes three equal channels, a palette its colors; of 16 bits of a channel the upper 8 are kept, or the
    nearest if it is a PPM of colors.

    Raises:
        ImageError: if it is missing, broken, transparent somewhere, of floats, or of 32 bits.

    Example:
        >>> read_photograph(Path("photograph.png")).shape
        (32, 64, 3)
    """
    title = "the image" if isinstance(source, Pillow.Image) else printable(str(source))
    with _decoder(source, title, error=ImageError) as image:
        turn = _TRANSPOSE.get(_orientation(image))
        image.load()
        return _opaque_rgb(image if turn is None else image.transpose(turn), title=title)


def _opaque_rgb(image: Pillow.Image, *, title: str) -> ImageArray:
    if image.mode in ("I;16", "I;16B", "I;16L") or (image.mode == "I" and image.format == "PPM"):
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode in {"I", "F"}:
        raise ImageError(f"{title} has mode {image.mode}, whose range is not known; save it with 8 or 16 bits")
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        transparent = int((np.asarray(image.convert("RGBA"))[:, :, 3] < 255).sum())
        if transparent:
            raise ImageError(f"{title} is transparent at {transparent} pixels; put it on the background that you mean")
    return np.array(image.convert("RGB"))


def files_in(folder: Path, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """Return a folder's files with one of the endings, in any case, sorted; hidden ones are left out.

    Raises:
        ImageError: if the folder may not be looked into.
    """
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"cannot look into {printable(str(folder))} ({reason}); make it readable to you") from None
    return [file for file in files if file.suffix.lower() in endings and not file.name.startswith(".")]


def read_size(stream: Callable[[], IO[bytes]], *, title: str, upright: bool = False) -> tuple[int, int]:
    """Return height and width from the head of a file, as stored or `upright` as viewers show it.

    Raises:
        ImageError: if it is no image.
    """
    with _decoder(stream, title, error=ImageError) as image:
        swapped = upright and _orientation(image) >= 5
        return (image.width, image.height) if swapped else (image.height, image.width)


def read_rgb(stream: Callable[[], IO[bytes]], *, title: str, upright: bool = False) -> Pillow.Image:
    """Read an image of a data set; gray and palette become RGB, alpha is dropped, as in the released code.

    That code takes pixels as they are stored. Labels that were drawn over what a viewer shows fit the image
    `upright`, turned as its EXIF says.

    Raises:
        ImageError: if the file is broken, or has more than 8 bits in a channel.
    """
    with _decoder(stream, title, error=ImageError) as image:
        if _bits(image) > 8:
            raise ImageError(f"{title} has {_bits(image)} bits a channel, but pictures have 8; save it with 8")
        turn = _TRANSPOSE.get(_orientation(image)) if upright else None
        image.load()
        colors = image if image.mode == "RGB" else image.convert("RGB")
    return colors if turn is None else colors.transpose(turn)


def read_ids(source: Source, *, title: str) -> ndarray:
    """Read a label or instance map (height x width, uint8 or int32).

    Ids are gray of 8 or 16 bits, palette indices, or three equal channels of gray.

    Raises:
        LabelError: if it is broken, a JPEG or another format that changes pixels, or has colors instead of ids.

    Example:
        >>> np.unique(read_ids(Path("labels.png"), title="labels.png")).tolist()
        [0, 1, 2, 3, 4]
    """
    with _decoder(source, title, error=LabelError) as image:
        _check_unchanged(image, title=title)
        pixels = np.asarray(image) if image.mode in (*_ID_MODES, "RGB") else np.empty((0, 0, 3))
        if image.mode == "RGB" and (pixels == pixels[..., :1]).all():
            return np.ascontiguousarray(pixels[..., 0])
        if pixels.ndim > 2:
            what = "a map has one channel of ids; save it as gray or palette"
            raise LabelError(f"{title} has mode {image.mode}, but {what}")
    return pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32)


def encode_image(image: ImageArray, encoding: Encoding) -> bytes:
    """Encode colors; JPEG is lossy (quality 95, chroma at full resolution)."""
    return _encode(image, encoding, **({"quality": 95, "subsampling": 0} if encoding == "jpeg" else {}))


def encode_map(ids: ndarray) -> bytes:
    """Encode a label or instance map without loss, as PNG.

    Example:
        >>> decode(encode_map(np.array([[0, 700]], np.uint16))).tolist()
        [[0, 700]]
    """
    return _encode(ids, "png")


def decode(data: bytes) -> ndarray:
    """Return the pixels of `encode_image` or `encode_map`."""
    return np.asarray(Pillow.open(BytesIO(data)))


def _encode(pixels: ndarray, encoding: str, **options: int) -> bytes:
    file = BytesIO()
    Pillow.fromarray(pixels).save(file, format=encoding, **options)
    return file.getvalue()


@contextmanager
def _decoder(source: Source, title: str, *, error: type[SmisError]) -> Iterator[Pillow.Image]:
    """Open an image of which only the head is decoded at first."""
    try:
        # Pillow warns of large images and damaged EXIF, and reads them all the same
        with warnings.catch_warnings(action="ignore"), ExitStack() as stack:
            image = source
            if not isinstance(image, Pillow.Image):
                content = open_file(image) if isinstance(image, Path) else image()
                image = stack.enter_context(Pillow.open(stack.enter_context(content), formats=_FORMATS))
            yield image
    except _FAULTS as fault:
        raise _unreadable(title, fault, error=error) from None


def _codings(image: Pillow.Image) -> Iterator[tuple[str, int]]:
    """Yield the channels of each part of a file that was just opened, and what white is in them, 0 where as usual."""
    for coder, _, _, arguments in getattr(image, "tile", ()):
        given = [*arguments] if isinstance(arguments, tuple) else [arguments]
        yield " ".join(map(str, given[:1])), given[-1] if coder.startswith("ppm") else 0


def _bits(image: Pillow.Image) -> int:
    """Return the bits of a channel in a file that was just opened; Pillow drops all but 8 of several channels' 16."""
    deep = any(";16" in channels or white > 255 for channels, white in _codings(image))
    return 16 if deep or image.mode.startswith("I;16") else 32 if image.mode in ("I", "F") else 8


def _check_unchanged(image: Pillow.Image, *, title: str) -> None:
    """Refuse what changes ids, whatever the file's name says: where classes meet, or all of them by a factor."""
    coding = "JPEG" if str(image.info.get("compression")).endswith("jpeg") else image.format
    if coding in _LOSSY:
        raise LabelError(f"{title} is a {coding} file, which does not keep ids as they are; save maps as PNG")
    whites = {white for _, white in _codings(image)} - {0, 255, 65_535}
    if whites:
        raise LabelError(f"{title} says that white is {max(whites)}, by which its ids would be spread; save it as PNG")
    if image.mode == "RGB" and _bits(image) > 8:
        raise LabelError(f"{title} has channels of 16 bits, of which a map has one; save it as gray")


def _orientation(image: Pillow.Image) -> int:
    """Return the EXIF orientation (1 to 8) of an image that was just opened; 1 if there is none."""
    if image.format == "TIFF":
        return 1  # Pillow turns these itself
    try:
        # PngImageFile's own getexif would decode all pixels to look for EXIF behind them
        orientation = Pillow.Image.getexif(image).get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF raises nearly anything, and is not needed to see the image
        return 1
    return orientation if orientation in _TRANSPOSE else 1


def _unreadable(title: str, fault: Exception, *, error: type[SmisError]) -> SmisError:
    if isinstance(fault, FileNotFoundError):
        return error(f"there is no file {title}")
    # Pillow names the buffer in memory by its address, which would differ from run to run.
    unknown = isinstance(fault, UnidentifiedImageError)
    reason = "it is no picture" if unknown else " ".join(str(fault).replace(title, "it").split())
    remedy = getattr(fault, "remedy", "is the file whole? copy it again or take it away")
    if isinstance(fault, Pillow.DecompressionBombError):
        remedy = "cut it into parts first"
    return error(f"cannot read {title} ({reason.partition(', could be')[0]}); {remedy}")
