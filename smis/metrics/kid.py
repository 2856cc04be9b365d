"""KID: distance between two sets of images by a kernel on a network's features, unbiased on few images too.

Binkowski et al., "Demystifying MMD GANs" (ICLR 2018), section 4: the squared maximum mean discrepancy (Gretton et al.,
"A Kernel Two-Sample Test", JMLR 2012, Eq. 3) with k(x, y) = (x·y / d + 1)³, averaged over random subsets.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from numpy import ndarray
from torch import Tensor, nn

from smis.core.errors import ParamsError
from smis.core.seeding import generator
from smis.metrics.image import inception
from smis.metrics.image.features import Images, NamedVectors, as_batches
from smis.metrics.image.result import Bootstrap, Result

SUBSETS = 100
SUBSET = 1000
"""Images of a subset; fewer where a set has fewer."""

Vectors = Float[Tensor, "n d"]
Rows = Int[Tensor, "subsets rows"]


def kernel(first: Float[Tensor, "n d"], second: Float[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
    """Return (x·y / d + 1)³ of every pair: products in the vectors' own precision, what follows in float64."""
    return ((first @ second.T).double() / first.shape[1] + 1) ** 3


def discrepancy(real: Vectors, fake: Vectors) -> tuple[float, Float64[Tensor, " n"]]:
    """Return the unbiased squared discrepancy of two sets of one size, and each fake image's influence on it.

    The value may be negative. Influences have the mean 0; their standard deviation over the root of n is the value's
    over other draws of the fake images.
    """
    size = len(real)
    among_real, among_fake, across = kernel(real, real), kernel(fake, fake), kernel(real, fake)
    inner = (among_fake.sum(dim=1) - among_fake.diagonal()) / (size - 1)
    outer = across.mean(dim=0)
    rest = (among_real.sum() - among_real.diagonal().sum()) / (size * (size - 1))
    influence = 2 * (inner - outer)
    return (rest + inner.mean() - 2 * outer.mean()).item(), influence - influence.mean()


def subsets(images: int, *, size: int, count: int, seed: int, side: str) -> Rows:
    """Draw `count` subsets of `size` rows each, without a row twice in one."""
    numbers = generator(seed, "kid", side)
    return torch.stack([torch.randperm(images, generator=numbers)[:size] for _ in range(count)])


def measure(
    real: Images,
    fake: Images,
    *,
    network: nn.Module | None = None,
    batch: int = 32,
    seed: int = 0,
) -> Result:
    """Return `kid` of two sets of images (-1..1, any size; all at once, or in batches, also with names).

    They are resized as for FID.

    Raises:
        WeightsError: if no network is given, and its weights are missing.
        ParamsError: if a side has fewer than 2 images.
    """
    network = network if network is not None else inception.load()
    distance = KernelDistance("kid", inception.protocol())
    for keys, image in as_batches(real, batch=batch):
        distance.update_real(inception.features(network, image), keys)
    for keys, image in as_batches(fake, batch=batch):
        distance.update(inception.features(network, image), keys)
    return distance.compute(Bootstrap(seed=seed))


class KernelDistance:
    """Gather the features of real images, and of generated ones, one for each label map."""

    def __init__(
        self, name: str, protocol: dict[str, Any], *, count: int = SUBSETS, size: int = SUBSET, device: str = "cpu"
    ) -> None:
        self._name, self._protocol = name, protocol
        self._count, self._size, self._device = count, size, device
        self._real, self._fake = NamedVectors(), NamedVectors()

    def update_real(self, features: Vectors, keys: Sequence[str] | None = None) -> None:
        """Add real images' features.

        Raises:
            ImageError: if some are not finite.
        """
        self._real.update(features, keys)

    def update(self, features: Vectors, keys: Sequence[str] | None = None) -> None:
        """Add generated images' features; with the images' names, no order of them moves the value.

        Raises:
            ImageError: if some are not finite.
        """
        self._fake.update(features, keys)

    def merge(self, other: "KernelDistance") -> None:
        """Take over what another process gathered; an image that both have, as of the whole reference, counts once.

        Raises:
            ParamsError: if images have no names.
        """
        self._real.merge(other._real)
        self._fake.merge(other._fake)

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Return the mean over subsets; the interval says what other generated images would have given.

        Raises:
            ParamsError: if a side has fewer than 2 images.
        """
        size = min(self._size, len(self._real), len(self._fake))
        if size < 2:
            raise ParamsError(f"a set of {size} image{'s' * (size != 1)} has no pairs; at least 2 are needed")
        real, fake = self._real.vectors().to(self._device), self._fake.vectors().to(self._device)
        values, influences = np.zeros(self._count), torch.zeros(2, len(fake), dtype=torch.float64)
        drawn = zip(self._rows(real, size, bootstrap, "real"), self._rows(fake, size, bootstrap, "fake"), strict=True)
        for number, (of_real, of_fake) in enumerate(drawn):
            values[number], influence = discrepancy(real[of_real], fake[of_fake])
            influences[:, of_fake] += torch.stack([influence.cpu(), torch.ones(size, dtype=torch.float64)])
        value = float(values.mean())
        draws = value + bootstrap.means(_means(influences))
        return Result.drawn(self._name, value, draws=draws, protocol=self._protocol_of(size, bootstrap))

    def _rows(self, features: Vectors, size: int, bootstrap: Bootstrap, side: str) -> Rows:
        return subsets(len(features), size=size, count=self._count, seed=bootstrap.seed, side=side)

    def _protocol_of(self, size: int, bootstrap: Bootstrap) -> dict[str, Any]:
        counts = {**self._fake.protocol(), "samples": 1, "reference_images": len(self._real)}
        drawn = {"subsets": self._count, "subset_images": size}
        return {**self._protocol, **counts, **drawn, "kernel": "(x·y / d + 1)³", **bootstrap.to_first_order}


def _means(influences: Float64[Tensor, "2 n"]) -> Float[ndarray, " n"]:
    """An image's influence is the mean over the subsets that it was in; it has none where it was in none."""
    sums, counts = influences
    return (sums / counts.clamp(min=1)).numpy()
