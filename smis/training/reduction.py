"""Gradients averaged over the processes while the backward pass still computes the rest of them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch import distributed as dist

_BUCKET = 25 << 20
"""Bytes that are sent together, as in torch's DistributedDataParallel: fewer cost latency, more wait for longer."""


class Reduction:
    """Sends pieces of one flat gradient as they are complete, always in one order, so that all processes agree on it.

    Li et al., "PyTorch Distributed" (VLDB 2020), section 3.2. A backward pass reaches the last layers first, so pieces
    are sent from the end. A parameter that a process's share of the batch did not touch holds its piece back until
    `finish`, and every one after it: right on any graph, fastest on a graph that all processes share.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], flat: Tensor, *, world: int) -> None:
        self._flat, self._world = flat, world
        self._pieces = _pieces(parameters, flat.element_size())
        self._waiting: list[int] = []
        self._sent: list[dist.Work | None] = []
        self._armed = False
        starts = torch.tensor([0, *(parameter.numel() for parameter in parameters)]).cumsum(0).tolist()
        self._ranges = [(starts[first], starts[last]) for first, last in self._pieces]
        for piece, (first, last) in enumerate(self._pieces):
            for parameter in parameters[first:last]:
                parameter.register_post_accumulate_grad_hook(lambda _, piece=piece: self._arrived(piece))

    def begin(self) -> None:
        """Send what the next backward pass completes."""
        self._waiting = [last - first for first, last in self._pieces]
        self._sent = []
        self._armed = True

    def finish(self) -> None:
        """Send the rest, wait for all, and leave the mean: the same bits in every process."""
        self._armed = False
        while len(self._sent) < len(self._pieces):
            self._send()
        for work in self._sent:
            if work is not None:
                work.wait()
        self._flat /= self._world

    def _arrived(self, piece: int) -> None:
        if not self._armed:
            return
        self._waiting[piece] -= 1
        while len(self._sent) < len(self._pieces) and not self._waiting[len(self._sent)]:
            self._send()

    def _send(self) -> None:
        start, end = self._ranges[len(self._sent)]
        self._sent.append(dist.all_reduce(self._flat[start:end], async_op=True))


def _pieces(parameters: Sequence[nn.Parameter], element: int) -> list[tuple[int, int]]:
    """Cut positions of parameters into ranges of about `_BUCKET` bytes, the last parameters first."""
    pieces: list[tuple[int, int]] = []
    end, size = len(parameters), 0
    for place in range(len(parameters) - 1, -1, -1):
        size += parameters[place].numel() * element
        if size >= _BUCKET or not place:
            pieces.append((place, end))
            end, size = place, 0
    return pieces
