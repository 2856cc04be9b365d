"""A batch as a system takes it, and its way to the device, where a system checks what it cannot take."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Integer
from torch import Tensor

from smis.core.shapes import Image, InstanceMap, LabelMap, Sketch


@dataclass(frozen=True)
class Batch:
    """One process's share of a global batch.

    `shares` is the number of shares of the global batch: processes times micro-batches. Gradients are averaged over
    them, so a term that is a *sum* over the batch (the released KL divergence) is multiplied by `shares`.

    Example:
        >>> labels = torch.zeros(4, 8, 8, dtype=torch.long)
        >>> batch = Batch(torch.zeros(4, 3, 8, 8), labels, labels, ("a", "b", "c", "d"))
        >>> [(part.keys, part.shares) for part in batch.split(2)]
        [(('a', 'b'), 2), (('c', 'd'), 2)]
    """

    image: Image
    labels: LabelMap
    instances: InstanceMap
    keys: tuple[str, ...]
    shares: int = 1
    sketch: Sketch | None = None
    """Line drawing, for the one system that is conditioned on one."""

    def split(self, count: int) -> list["Batch"]:
        """Split into `count` micro-batches of equal size."""
        sketches = [None] * count if self.sketch is None else self.sketch.chunk(count)
        size = len(self.keys) // count
        maps = zip(self.image.chunk(count), self.labels.chunk(count), self.instances.chunk(count), strict=True)
        return [
            Batch(*each, self.keys[number * size : (number + 1) * size], self.shares * count, sketches[number])
            for number, each in enumerate(maps)
        ]

    def to(self, device: torch.device | str) -> "Batch":
        """Copy to a device; does not wait for the copy if memory is pinned."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        return replace(self, **{name: value.to(device, non_blocking=True) for name, value in tensors.items()})


@runtime_checkable
class Transferable(Protocol):
    """A batch that is not on its device yet."""

    @property
    def instances(self) -> Integer[Tensor, "b h w"]:
        """The instance maps, of any integer type."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the images."""
        ...

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on a device, without waiting for it."""
        ...


@runtime_checkable
class LimitedInstances(Protocol):
    """A system that has a limited number of instance slots."""

    def check_instances(self, instances: Integer[Tensor, "b h w"], keys: Sequence[str] = ()) -> None:
        """Raise a LabelError if an image has more instances."""
        ...


def to_device(batch: Transferable, system: object, device: torch.device | str) -> Batch:
    """Validate the instances of a batch for a system, then copy it to the device.

    Raises:
        LabelError: if an image has more instances than the system has slots for.
    """
    validate_instances(system, batch.instances, batch.keys)
    return batch.to(device)


def validate_instances(system: object, instances: Integer[Tensor, "b h w"], keys: Sequence[str] = ()) -> None:
    """Validate instance maps on the CPU, if the system limits them.

    An id without a slot would index beyond a table: on a GPU that ends the process without naming an image.

    Raises:
        LabelError: if an image has more instances than the system has slots for.
    """
    if isinstance(system, LimitedInstances):
        system.check_instances(instances, keys)
