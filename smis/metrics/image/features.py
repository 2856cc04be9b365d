"""Images in batches, and their features, gathered in any order and by any number of processes."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from smis.core.device import usable_device
from smis.core.errors import ImageError, ParamsError, shown
from smis.core.images import validate_images
from smis.core.numbers import whole
from smis.core.shapes import Image
from smis.metrics.image.result import of_maps

AnyImage = Float[Tensor, "_ 3 _ _"]
"""Images, -1..1, of any number and size."""
Named = tuple[Sequence[str], AnyImage]
"""Names and images."""
Images = AnyImage | Iterable[AnyImage] | Iterable[Named]
"""All images at once, or in batches, with or without their names."""


def device_of(name: str | None = None) -> torch.device:
    """Return the device, by default a GPU if there is one; TF32 is turned off, which changes the third digit of FID."""
    # after use of the newer switch, torch.export fails for the rest of the process
    torch.backends.cudnn.allow_tf32 = False
    return usable_device(name)


def device_name(device: torch.device) -> str:
    """Return the name of the GPU, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def compute_protocol(device: torch.device) -> dict[str, str]:
    """Return the fields of a protocol that name the device and the precision."""
    return {"device": device_name(device), "precision": "float32"}


def in_batches(network: Callable[[Image], list[Tensor]], image: Image, *, batch: int) -> list[Float[Tensor, "b _ _ _"]]:
    """Return each layer of all images, with at most `batch` images in the network at once."""
    with torch.inference_mode():
        parts = [network(piece) for piece in image.split(whole(batch, "batch", low=1))]
    return [torch.cat(layers) for layers in zip(*parts, strict=True)]


def as_batches(images: Images, *, batch: int) -> Iterator[tuple[Sequence[str] | None, AnyImage]]:
    """Yield (names or None, images): a tensor `batch` images at a time, others in the batches that they come in.

    Raises:
        ImageError: if what comes is no images of -1..1, see `validate_images`.
        ParamsError: if names are not as many as images.

    Example:
        >>> [len(image) for _, image in as_batches(torch.zeros(5, 3, 8, 8), batch=2)]
        [2, 2, 1]
    """
    size = whole(batch, "batch", low=1)
    if not isinstance(images, Iterable) or isinstance(images, Tensor | ndarray | str | bytes | Mapping):
        yield from ((None, piece) for piece in validate_images(images).split(size))
        return
    for part in images:
        names, image = part if isinstance(part, tuple) and len(part) == 2 else (None, part)
        image = validate_images(image)
        check_names(names, len(image))
        yield names, image


def check_names(names: Sequence[str] | None, count: int) -> None:
    """Check that there is a name for each image or map, if there are names.

    Raises:
        ParamsError: if their number is another.
    """
    if names is not None and (not isinstance(names, Sequence) or isinstance(names, str) or len(names) != count):
        raise ParamsError(f"the names {shown(names)} are not those of {count} images; give a list of one for each")


class NamedVectors:
    """Feature vectors by the names of their images.

    Contents and order depend on the names only, so that processes that merge agree with one alone. Vectors without
    names are numbered in their order; they cannot be merged, nor compared in pairs.

    Args:
        limit: Most vectors that are stored, chosen by the hash of their names; None stores all.

    Example:
        >>> first, second = NamedVectors(), NamedVectors()
        >>> first.update(torch.tensor([[2.0]]), ["b"])
        >>> second.update(torch.tensor([[1.0], [2.0]]), ["a", "b"])
        >>> first.merge(second)
        >>> first.vectors().tolist()
        [[1.0], [2.0]]
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self.named = True
        self._seen = 0
        self._keys: list[str] = []
        self._batches: list[Float[Tensor, "_ d"]] = []

    def __len__(self) -> int:
        """Return the number of images, stored or not."""
        return self._seen

    def update(self, vectors: Float[Tensor, "n d"], keys: Sequence[str] | None = None) -> None:
        """Add the vectors of a batch.

        Raises:
            ImageError, ParamsError: if they are not as `check_features` has it.
        """
        check_features(vectors, keys, dimensions=self._batches[0].shape[1] if self._batches else None)
        self.named = self.named and keys is not None
        self._keys += keys if keys is not None else [f"{self._seen + row:012d}" for row in range(len(vectors))]
        self._batches.append(vectors.cpu())
        self._seen += len(vectors)
        if self._limit and len(self._keys) >= 2 * self._limit:
            self._thin()

    def merge(self, other: "NamedVectors") -> None:
        """Add what another process gathered, without images that are present in both.

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
        shared = self.shared(other)
        rows = [row for row, key in enumerate(other._keys) if key not in shared]
        self._keys += [other._keys[row] for row in rows]
        self._batches.append(torch.cat(other._batches)[rows])
        self._seen += other._seen - len(other._keys) + len(rows)

    def shared(self, other: "NamedVectors") -> set[str]:
        """Return the names that both store."""
        return set(self._keys) & set(other._keys)

    def vectors(self) -> Float[Tensor, "n d"]:
        """Return the stored vectors, sorted by name."""
        self._thin()
        order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        return torch.cat(self._batches)[order]

    def protocol(self) -> dict[str, Any]:
        """Return the number of images, and a digest of the stored names if there are any."""
        self._thin()
        return of_maps(self._keys, named=self.named) | {"label_maps": self._seen}

    def _thin(self) -> None:
        if not self._limit or len(self._keys) <= self._limit:
            return
        chosen = sorted(range(len(self._keys)), key=lambda row: _hash(self._keys[row]))[: self._limit]
        self._batches = [torch.cat(self._batches)[chosen]]
        self._keys = [self._keys[row] for row in chosen]


def check_features(
    vectors: Float[Tensor, "n d"], keys: Sequence[str] | None = None, *, dimensions: int | None = None
) -> None:
    """Check that features are vectors (of as many dimensions) of finite numbers, with a name for each or none.

    Raises:
        ImageError: naming the first image with a NaN or an infinite number.
        ParamsError: if they are something else.
    """
    fits = isinstance(vectors, Tensor) and vectors.is_floating_point() and vectors.dim() == 2 and len(vectors) > 0
    if not fits or dimensions not in (None, vectors.shape[1]):
        expected = "d" if dimensions is None else dimensions
        raise ParamsError(
            f"features: {shown(vectors)}, but they are a tensor (n, {expected}) of floats; one row an image"
        )
    check_names(keys, len(vectors))
    if vectors.isfinite().all():
        return
    row = int((~vectors.isfinite()).any(dim=1).nonzero()[0])
    which = keys[row] if keys is not None else f"image {row} of a batch of {len(vectors)}"
    raise ImageError(f"the features of {which} are not finite; the image itself, or the model that made it, has NaN")


def _hash(key: str) -> bytes:
    """Return a hash: as good as a random number, and the same in every process."""
    return hashlib.blake2b(key.encode(), digest_size=8).digest()
