"""Kernel distance between two sets of images: KID, unbiased for few images too.

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
"""Images per subset; fewer if a set has fewer."""

Vectors = Float[Tensor, "n d"]
Rows = Int[Tensor, "subsets rows"]


def kernel(first: Float[Tensor, "n d"], second: Float[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
    """Return (x·y / d + 1)³ of every pair: products in the precision of the vectors, the rest in float64.

    Example:
        >>> kernel(torch.ones(1, 4), torch.zeros(2, 4)).tolist()
        [[1.0, 1.0]]
    """
    return ((first @ second.T).double() / first.shape[1] + 1) ** 3


def discrepancy(real: Vectors, fake: Vectors) -> tuple[float, Float64[Tensor, " n"]]:
    """Return the unbiased squared discrepancy of two sets of equal size, and the influence of each fake image on it.

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
    """Return `count` random subsets of `size` rows, without replacement."""
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
    """Return KID of two sets of images.

    Args:
        real: Images, -1..1, of any size: all at once, in batches, or in batches with names.
        fake: The same.
        network: By default `inception.load()`; images are resized as for FID and moved to its device.
        batch: Images in the network at once.
        seed: Of the subsets and the bootstrap.

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
    """Kernel distance between the features of generated images and of real ones.

    Args:
        name: What the value is called.
        protocol: How the features were computed.
        count: Number of subsets.
        size: Images per subset.
        device: Where the kernel is computed.

    Example:
        >>> metric = KernelDistance("kid", {}, count=10, size=4)
        >>> metric.update_real(torch.randn(8, 3))
        >>> metric.update(torch.randn(6, 3))
        >>> metric.compute(Bootstrap(resamples=10)).protocol["subset_images"]
        4
    """

    def __init__(
        self, name: str, protocol: dict[str, Any], *, count: int = SUBSETS, size: int = SUBSET, device: str = "cpu"
    ) -> None:
        self._name, self._protocol = name, protocol
        self._count, self._size, self._device = count, size, device
        self._real, self._fake = NamedVectors(), NamedVectors()

    def update_real(self, features: Vectors, keys: Sequence[str] | None = None) -> None:
        """Add the features of real images.

        Raises:
            ImageError: if a number is not finite.
        """
        self._real.update(features, keys)

    def update(self, features: Vectors, keys: Sequence[str] | None = None) -> None:
        """Add the features of generated images; with names, the value does not depend on their order.

        Raises:
            ImageError: if a number is not finite.
        """
        self._fake.update(features, keys)

    def merge(self, other: "KernelDistance") -> None:
        """Add what another process gathered; an image of both, as when each has the whole reference, counts once.

        Raises:
            ParamsError: if images have no names.
        """
        self._real.merge(other._real)
        self._fake.merge(other._fake)

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Return the mean over subsets; the interval is over generated images.

        Raises:
            ParamsError: if a side has fewer than 2 images.
        """
        size = min(self._size, len(self._real), len(self._fake))
        if size < 2:
            raise ParamsError(f"a set of {size} image{'s' * (size != 1)} has no pairs; at least 2 are needed")
        real, fake = self._real.vectors().to(self._device), self._fake.vectors().to(self._device)
        values, influences = np.zeros(self._count), torch.zeros(2, len(fake), dtype=torch.float64)
        rows = zip(self._rows(real, size, bootstrap, "real"), self._rows(fake, size, bootstrap, "fake"), strict=True)
        for number, (of_real, of_fake) in enumerate(rows):
            values[number], influence = discrepancy(real[of_real], fake[of_fake])
            influences[:, of_fake] += torch.stack([influence.cpu(), torch.ones(size, dtype=torch.float64)])
        value = float(values.mean())
        draws = value + bootstrap.means(_means(influences))
        return Result.drawn(self._name, value, draws=draws, protocol=self._protocol_of(size, bootstrap))

    def _rows(self, features: Vectors, size: int, bootstrap: Bootstrap, side: str) -> Rows:
        return subsets(len(features), size=size, count=self._count, seed=bootstrap.seed, side=side)

    def _protocol_of(self, size: int, bootstrap: Bootstrap) -> dict[str, Any]:
        counts = {**self._fake.protocol(), "samples": 1, "reference_images": len(self._real)}
        sizes = {"subsets": self._count, "subset_images": size}
        return {**self._protocol, **counts, **sizes, "kernel": "(x·y / d + 1)³", **bootstrap.to_first_order}


def _means(influences: Float64[Tensor, "2 n"]) -> Float[ndarray, " n"]:
    """Return each image's mean influence over the subsets that contain it, 0 if none does."""
    sums, counts = influences
    return (sums / counts.clamp(min=1)).numpy()
