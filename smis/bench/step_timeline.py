"""Where the time of a step goes: everything between two marks belongs to the first of them."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

OTHER = "other"


class Timeline:
    """Marks in the order of the work; on a GPU they are events in its queue, so that nothing waits for them."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: list[tuple[str, Any]] = []

    def mark(self, name: str) -> None:
        """Say that what follows is `name`."""
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._marks.append((name, event))
        else:
            self._marks.append((name, time.perf_counter()))

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each name, and forget all marks but the last."""
        if self._cuda:
            torch.cuda.synchronize()
        total: dict[str, float] = {}
        for (name, start), (_, end) in zip(self._marks, self._marks[1:], strict=False):
            total[name] = total.get(name, 0.0) + (start.elapsed_time(end) / 1000 if self._cuda else end - start)
        self._marks = self._marks[-1:]
        return total

    def follow(self, networks: Mapping[str, nn.Module | None]) -> None:
        """Mark the networks' forward passes, and their backward passes from where a gradient reaches their output."""
        for name, network in networks.items():
            for called in _called(network):
                called.register_forward_pre_hook(lambda *_, name=name: self.mark(name))
                called.register_forward_hook(lambda _module, _given, made, name=name: self._made(made, name))

    def _made(self, made: object, name: str) -> None:
        for tensor in _tensors(made):
            if tensor.requires_grad:
                tensor.register_hook(lambda _, name=name: self.mark(name))
        self.mark(OTHER)


def _called(network: nn.Module | None) -> Iterable[nn.Module]:
    """A dict or list of networks is never called itself."""
    if network is None:
        return ()
    return network.children() if isinstance(network, nn.ModuleDict | nn.ModuleList) else (network,)


def _tensors(made: object) -> Iterator[Tensor]:
    if isinstance(made, Tensor):
        yield made
    elif isinstance(made, Mapping):
        yield from (tensor for each in made.values() for tensor in _tensors(each))
    elif isinstance(made, list | tuple):
        yield from (tensor for each in made for tensor in _tensors(each))
