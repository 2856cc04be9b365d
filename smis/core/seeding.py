"""One seed gives a generator for every purpose, and the same draws however a batch is split."""

import hashlib

import torch
from torch import Tensor


def generator(seed: int, *purpose: int | str) -> torch.Generator:
    """Return a CPU generator for (seed, purpose), independent of every other purpose.

    A step's draws depend on the step's number alone, so a resumed run needs no generator state.
    """
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


class Noise:
    """Standard normal draws for one process's share of a global batch.

    The global draw is made on the CPU and sliced, so that one process, many processes, a CPU and a GPU see the
    same numbers.
    """

    def __init__(self, generator: torch.Generator, *, part: int = 0, parts: int = 1) -> None:
        self._generator = generator
        self._part = part
        self._parts = parts

    def normal(self, *shape: int, device: torch.device | str = "cpu") -> Tensor:
        """Draw `shape`, whose first size is this process's share of the batch."""
        share = shape[0]
        drawn = torch.randn(share * self._parts, *shape[1:], generator=self._generator)
        return drawn[self._part * share : (self._part + 1) * share].to(device)
