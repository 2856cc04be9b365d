"""Kernel distance between two sets of images: KID, unbiased for few images too.

Binkowski et al., "Demystifying MMD GANs" (ICLR 2018), section 4: the squared maximum mean discrepancy (Gretton et al.,
"A Kernel Two-Sample Test", JMLR 2012, Eq. 3) with k(x, y) = (x·y / d + 1)³, averaged over random subsets.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn

from smis.core.errors import ParamsError, ProtocolError
from smis.core.numbers import whole
from smis.core.seeding import generator
from smis.metrics.image import inception
from smis.metrics.image.features import Images, NamedVectors
from smis.metrics.image.fid import features_of
from smis.metrics.image.result import Bootstrap, Result, check_bootstrap

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

    Example:
        >>> images = torch.tensor([[0.0], [1.0]])
        >>> value, influence = discrepancy(images, images)
        >>> value, influence.tolist()  # unbiased, so that it is below 0 for equal sets
        (-3.5, [3.5, -3.5])
    """
    size = len(real)
    among_real, among_fake, across = kernel(real, real), kernel(fake, fake), kernel(real, fake)
    inner = (among_fake.sum(dim=1) - among_fake.diagonal()) / (size - 1)
    outer = across.mean(dim=0)
    rest = (among_real.sum() - among_real.diagonal().sum()) / (size * (size - 1))
    influence = 2 * (inner - outer)
    return (rest + inner.mean() - 2 * outer.mean()).item(), influence - influence.mean()


def subsets(images: int, *, size: int, count: int, seed: int, side: str) -> Rows:
    """Return `count` random subsets of `size` rows, without replacement.

    Example:
        >>> subsets(3, size=3, count=2, seed=0, side="real").sort(dim=1).values.tolist()
        [[0, 1, 2], [0, 1, 2]]
    """
    numbers = generator(seed, "kid", side)
    return torch.stack([torch.randperm(images, generator=numbers)[:size] for _ in range(count)])


def measure(real: Images, fake: Images, *, network: nn.Module | None = None, batch: int = 32, seed: int = 0) -> Result:
    """Return KID of two sets of images; arguments and errors are those of `fid.measure`, but no statistics are taken.

    The seed decides the subsets, too.
    """
    bootstrap = Bootstrap(seed=seed)
    network = network if network is not None else inception.load()
    distance = KernelDistance("kid", inception.protocol())
    for images, update in ((real, distance.update_real), (fake, distance.update)):
        for keys, features in features_of(images, network=network, batch=batch):
            update(features, keys)
    return distance.compute(bootstrap)


class KernelDistance:
    """Kernel distance between the features of generated images and of real ones.

    As for `fid.FrechetDistance`, an update with a number that is not finite is refused (ImageError).

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
        self._count, self._size = whole(count, "count", low=1, high=100_000), whole(size, "size", low=2, high=100_000)
        self._device = device
        self._real, self._fake = NamedVectors(), NamedVectors()

    def update_real(self, features: Vectors, keys: Sequence[str] | None = None) -> None:
        """Add the features of real images."""
        self._real.update(features, keys)

    def update(self, features: Vectors, keys: Sequence[str] | None = None) -> None:
        """Add the features of generated images; with names, the value does not depend on their order."""
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
            ProtocolError: if both sides differ in their dimensions.
        """
        check_bootstrap(bootstrap)
        size = min(self._size, len(self._real), len(self._fake))
        if size < 2:
            raise ParamsError(f"a set of {size} image{'s' * (size != 1)} has no pairs; at least 2 are needed")
        real, fake = self._real.vectors().to(self._device), self._fake.vectors().to(self._device)
        if real.shape[1] != fake.shape[1]:
            raise ProtocolError(
                f"real features have {real.shape[1]} dimensions, generated ones {fake.shape[1]}; take one "
                "network for both"
            )
        values, influences = np.zeros(self._count), torch.zeros(2, len(fake), dtype=torch.float64)
        rows = (
            subsets(len(features), size=size, count=self._count, seed=bootstrap.seed, side=side)
            for side, features in {"real": real, "fake": fake}.items()
        )
        for number, (of_real, of_fake) in enumerate(zip(*rows, strict=True)):
            values[number], influence = discrepancy(real[of_real], fake[of_fake])
            influences[:, of_fake] += torch.stack([influence.cpu(), torch.ones(size, dtype=torch.float64)])
        value = float(values.mean())
        # each image's mean over the subsets that contain it, 0 if none does
        sums, counts = influences
        draws = value + bootstrap.means((sums / counts.clamp(min=1)).numpy())
        protocol = {**self._protocol, **self._fake.protocol(), "samples": 1, "reference_images": len(self._real)}
        protocol |= {"subsets": self._count, "subset_images": size, "kernel": "(x·y / d + 1)³"}
        return Result.drawn(self._name, value, draws=draws, protocol=protocol | bootstrap.to_first_order)
