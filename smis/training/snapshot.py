"""A state as it is now, on the CPU, while training changes the tensors that it was taken from."""

import copy
from collections.abc import Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor


class Snapshot:
    """A copy of tensors, numbers, and dicts, lists and tuples of them, bit for bit.

    From a GPU the copies go to pinned memory in the order of the stream, so neither this process nor the device waits;
    `state` waits, in whatever thread asks for it.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._event: torch.cuda.Event | None = None
        self._state = self._copied(dict(state))
        if self._event is not None:
            self._event.record()

    def state(self) -> dict[str, Any]:
        """Return the copy, once it is complete."""
        if self._event is not None:
            self._event.synchronize()
        return self._state

    def _copied(self, thing: Any) -> Any:
        if isinstance(thing, Tensor):
            return self._tensor(thing.detach())
        if isinstance(thing, MutableMapping):
            twin = copy.copy(thing)  # what else a state_dict carries (versions) stays with it
            for key, value in thing.items():
                twin[key] = self._copied(value)
            return twin
        if isinstance(thing, list | tuple):
            return type(thing)(self._copied(each) for each in thing)
        return thing

    def _tensor(self, tensor: Tensor) -> Tensor:
        if tensor.device.type != "cuda":
            return tensor.clone()
        self._event = self._event or torch.cuda.Event()
        return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor, non_blocking=True)
