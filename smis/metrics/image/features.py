"""Pictures as they lie on disk -> a network's features, a batch at a time."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smis.core.device import usable_device
from smis.core.errors import ImageError, ParamsError
from smis.core.shapes import Image
from smis.metrics.image.result import of_maps

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


def compute_protocol(device: torch.device) -> dict[str, str]:
    """Return the fields of a protocol that name the device and the precision."""
    return {"device": device_name(device), "precision": "float32"}


def in_batches(network: Callable[[Image], list[Tensor]], image: Image, *, batch: int) -> list[Float[Tensor, "b _ _ _"]]:
    """Compute every layer for all images with at most `batch` of them in the network at once."""
    with torch.inference_mode():
        parts = [network(piece) for piece in image.split(batch)]
    return [torch.cat(layers) for layers in zip(*parts, strict=True)]


def as_batches(images: Images, *, batch: int) -> Iterator[tuple[Sequence[str] | None, AnyImage]]:
    """Give images `batch` at a time, or in the batches that they come in, with their names where they have any."""
    for part in images.split(batch) if isinstance(images, Tensor) else images:
        yield part if isinstance(part, tuple) else (None, part)


class NamedVectors:
    """Keep vectors by the names of their images; with a `limit`, only so many, chosen by their names alone.

    What is kept, and in what order, does not depend on who came first: processes that merge agree with one alone.
    Vectors without names count on from those that came before; they cannot be merged, nor compared pair by pair.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self.named = True
        self._seen = 0
        self._keys: list[str] = []
        self._parts: list[Float[Tensor, "_ d"]] = []

    def __len__(self) -> int:
        """Count all that were seen, kept or not."""
        return self._seen

    def update(self, vectors: Float[Tensor, "n d"], keys: Sequence[str] | None = None) -> None:
        """Add a batch.

        Raises:
            ImageError: if some are not finite.
        """
        refuse_strange(vectors, keys)
        self.named = self.named and keys is not None
        self._keys += keys if keys is not None else [f"{self._seen + row:012d}" for row in range(len(vectors))]
        self._parts.append(vectors.cpu())
        self._seen += len(vectors)
        if self._limit and len(self._keys) >= 2 * self._limit:
            self._thin()

    def merge(self, other: "NamedVectors") -> None:
        """Take over what another process gathered, but for images that are here too.

        Raises:
            ParamsError: if images have no names.
        """
        if not other._keys:
            return
        if not (self.named and other.named):
            raise ParamsError(
                "features without names of their images cannot be merged: whether two processes saw one image is not "
                "known; give `update` the images' names"
            )
        here = self.shared(other)
        rows = [row for row, key in enumerate(other._keys) if key not in here]
        self._keys += [other._keys[row] for row in rows]
        self._parts.append(torch.cat(other._parts)[rows])
        self._seen += other._seen - len(other._keys) + len(rows)

    def shared(self, other: "NamedVectors") -> set[str]:
        """Return the names that both have kept."""
        return set(self._keys) & set(other._keys)

    def vectors(self) -> Float[Tensor, "n d"]:
        """Return what is kept, by name."""
        self._thin()
        order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        return torch.cat(self._parts)[order]

    def protocol(self) -> dict[str, Any]:
        """Say how many images there are, and which are kept, where they have names."""
        self._thin()
        return of_maps(self._keys, named=self.named) | {"label_maps": self._seen}

    def _thin(self) -> None:
        if not self._limit or len(self._keys) <= self._limit:
            return
        chosen = sorted(range(len(self._keys)), key=lambda row: _number(self._keys[row]))[: self._limit]
        self._parts = [torch.cat(self._parts)[chosen]]
        self._keys = [self._keys[row] for row in chosen]


def refuse_strange(vectors: Float[Tensor, "n d"], keys: Sequence[str] | None = None) -> None:
    """Let a single NaN or infinite number spoil no statistics.

    Raises:
        ImageError: if there is one; the message names the image, where it has a name.
    """
    if vectors.isfinite().all():
        return
    row = int((~vectors.isfinite()).any(dim=1).nonzero()[0])
    which = keys[row] if keys is not None else f"image {row} of a batch of {len(vectors)}"
    raise ImageError(f"the features of {which} are not finite; the image itself, or the model that made it, has NaN")


def _number(key: str) -> bytes:
    """A hash is as good as a draw, and everyone draws the same."""
    return hashlib.blake2b(key.encode(), digest_size=8).digest()
