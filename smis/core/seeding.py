"""One seed gives a generator per purpose, and the same noise however a batch is split."""

import hashlib

import torch
from torch import Tensor


def generator(seed: int, *purpose: int | str) -> torch.Generator:
    """Return a CPU generator for (seed, purpose), independent of every other purpose.

    With the step as part of the purpose, its noise depends on nothing before it, so a resumed run needs no generator
    state.

    Example:
        >>> torch.rand(1, generator=generator(0, "weights")) == torch.rand(1, generator=generator(0, "weights"))
        tensor([True])
    """
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


class Noise:
    """Standard normal noise for one share of a global batch.

    The noise of the global batch is sampled on the CPU and sliced, so that one process, many processes, a CPU and a GPU
    see the same numbers.

    Args:
        generator: Generator of the global batch's noise.
        share: Index of the share.
        shares: Number of shares.

    Example:
        >>> both = Noise(generator(0, "a")).normal(4, 3)
        >>> second = Noise(generator(0, "a"), share=1, shares=2).normal(2, 3)
        >>> bool((both[2:] == second).all())
        True
    """

    def __init__(self, generator: torch.Generator, *, share: int = 0, shares: int = 1) -> None:
        self._generator = generator
        self._share = share
        self._shares = shares

    def normal(self, *shape: int, device: torch.device | str = "cpu") -> Tensor:
        """Sample noise of a shape; its first size is that of the share."""
        size = shape[0]
        noise = torch.randn(size * self._shares, *shape[1:], generator=self._generator)
        return noise[self._share * size : (self._share + 1) * size].to(device)

    def coins(self, count: int, *, device: torch.device | str = "cpu") -> Tensor:
        """Sample fair coins, 0 or 1: the same ones for every share.

        Example:
            >>> one, other = (Noise(generator(0, "a"), share=share, shares=2).coins(8) for share in (0, 1))
            >>> torch.equal(one, other), set(one.tolist()) <= {0, 1}
            (True, True)
        """
        return torch.randint(2, (count,), generator=self._generator).to(device)
