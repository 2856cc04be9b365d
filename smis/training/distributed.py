"""The processes that share one training, as `torchrun` starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

_TIMEOUT = timedelta(minutes=10)
"""Processes that wait for a silent one give up after this, as NCCL's do; the first may be alone for minutes, with a
grid whose networks are compiled before. One that died is noticed at once."""

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """One process's place among all; the first alone writes and speaks."""

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this process writes files, logs and shows the bar."""
        return self.rank == 0

    def mean_(self, values: Tensor) -> Tensor:
        """Average in place over the processes; every one of them gets the same bits."""
        if self.world > 1:
            dist.all_reduce(values)
            values /= self.world
        return values

    def gathered(self, thing: T) -> list[T]:
        """Collect a small picklable thing from each process, in the order of their ranks."""
        if self.world == 1:
            return [thing]
        things: list[T | None] = [None] * self.world
        dist.all_gather_object(things, thing)
        return things  # pyright: ignore[reportReturnType]


def launched() -> bool:
    """Say whether `torchrun` started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def joined(device: str | None = None) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, or be the only one; leave them at the end.

    `device` is "cpu" or "cuda"; without one, CUDA where there is one. A process alone joins nothing, which saves
    a second of start.
    """
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    own = _own_device(device)
    if world == 1:
        yield Processes(device=own)
        return
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield Processes(rank=rank, world=world, device=own)
        dist.barrier()
    finally:
        dist.destroy_process_group()


def _own_device(wanted: str | None) -> torch.device:
    kind = wanted or ("cuda" if torch.cuda.is_available() else "cpu")
    if kind != "cuda":
        return torch.device(kind)
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(own)
    return own
