"""Pictures as they lie on disk -> a network's features, a batch at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from smis.core.device import usable_device
from smis.core.shapes import Image

AnyImage = Float[Tensor, "_ 3 _ _"]
"""Images of -1..1 of any number and size."""
Named = tuple[Sequence[str], AnyImage]
"""Images with their names."""
Images = AnyImage | Iterable[AnyImage] | Iterable[Named]
"""All images at once, or in batches, with their names or without."""


def device_of(name: str | None = None) -> torch.device:
    """Choose where to compute, a GPU where there is one, in whole float32: TF32 moves a distance in its third digit."""
    # the older name of the switch: once the newer is used, torch.export fails for the rest of the process
    torch.backends.cudnn.allow_tf32 = False
    return usable_device(name)


def device_name(device: torch.device) -> str:
    """Name the machine's part that computes."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def image_of(pictures: UInt8[ndarray, "b h w 3"], *, device: torch.device | str = "cpu") -> Image:
    """Turn bytes 0..255 into floats -1..1, exactly as the loader does."""
    return torch.tensor(pictures).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def in_batches(network: Callable[[Image], list[Tensor]], image: Image, *, batch: int) -> list[Float[Tensor, "b _ _ _"]]:
    """Compute every layer for all images with at most `batch` of them in the network at once."""
    with torch.inference_mode():
        parts = [network(piece) for piece in image.split(batch)]
    return [torch.cat(layers) for layers in zip(*parts, strict=True)]


def as_batches(images: Images, *, batch: int) -> Iterator[tuple[Sequence[str] | None, AnyImage]]:
    """Give images `batch` at a time, or in the batches that they come in, with their names where they have any."""
    for part in images.split(batch) if isinstance(images, Tensor) else images:
        yield part if isinstance(part, tuple) else (None, part)
