"""The processes of one training run, as `torchrun` starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from smis.core.device import named_device, usable_device

_TIMEOUT = timedelta(minutes=10)
"""As NCCL's. The main process may be busy alone for minutes, with a grid whose networks are compiled first. A process
that died is noticed at once."""

T = TypeVar("T")


@dataclass(frozen=True)
class DistributedContext:
    """Rank of this process among `world_size` processes, and its device.

    Example:
        >>> context = DistributedContext()
        >>> context.is_main, context.all_gather_object("x")
        (True, ['x'])
    """

    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_main(self) -> bool:
        """Whether this process writes files, logs and shows progress."""
        return self.rank == 0

    def all_reduce_mean_(self, values: Tensor) -> Tensor:
        """Average in place over the processes; all of them get the same bits."""
        if self.world_size > 1:
            dist.all_reduce(values)
            values /= self.world_size
        return values

    def all_gather_object(self, item: T) -> list[T]:
        """Collect a small picklable object from each process, ordered by rank."""
        if self.world_size == 1:
            return [item]
        items: list[T | None] = [None] * self.world_size
        dist.all_gather_object(items, item)
        return items  # pyright: ignore[reportReturnType]


def is_torchrun_worker() -> bool:
    """Return whether `torchrun` started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def distributed_context(device: str | None = None) -> Iterator[DistributedContext]:
    """Join the process group of `torchrun`, and leave it at the end.

    A single process creates no group, which saves a second.

    Args:
        device: "cpu" or "cuda"; None takes that of `$SMIS_DEVICE`, or CUDA if available.
    """
    rank, world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    own = _own_device(device)
    if world_size == 1:
        yield DistributedContext(device=own)
        return
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield DistributedContext(rank=rank, world_size=world_size, device=own)
        dist.barrier()
    finally:
        dist.destroy_process_group()


def _own_device(name: str | None) -> torch.device:
    named = named_device(name)
    if named.type != "cuda" or named.index is not None:
        return usable_device(named)
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(own)
    return own
