"""Where batches come in: a system looks at what it may not be able to take, while that is still on the CPU."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Integer
from torch import Tensor

from smis.core.batch import Batch


@runtime_checkable
class Transferable(Protocol):
    """A batch on its way."""

    @property
    def instances(self) -> Integer[Tensor, "b h w"]:
        """Return the instance maps, of whatever integers they are kept in."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """Name the pictures."""
        ...

    def to(self, device: torch.device | str) -> Batch:
        """Return it where it is computed with, without waiting for the device."""
        ...


@runtime_checkable
class LimitedInstances(Protocol):
    """A system that cannot take every number of instances."""

    def check_instances(self, instances: Integer[Tensor, "b h w"], keys: Sequence[str] = ()) -> None:
        """Refuse pictures that have too many, with a LabelError."""
        ...


def to_device(batch: Transferable, system: object, device: torch.device | str) -> Batch:
    """Let the system look at a batch, then send it to the device.

    Raises:
        LabelError: if a picture has more instances than the system has slots for.
    """
    validate_instances(system, batch.instances, batch.keys)
    return batch.to(device)


def validate_instances(system: object, instances: Integer[Tensor, "b h w"], keys: Sequence[str] = ()) -> None:
    """Let the system look at instance maps, if it is one that cannot take all.

    An id that no slot is there for would read beyond a table: on a GPU that ends the process, and names no picture.

    Raises:
        LabelError: if a picture has more instances than the system has slots for.
    """
    if isinstance(system, LimitedInstances):
        system.check_instances(instances, keys)
