"""What every streaming metric can do, and how those of several processes become one."""

from copy import copy
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import distributed

from smis.metrics.result import Bootstrap


@runtime_checkable
class Metric(Protocol):
    """Gather with `update`, whose arguments are the metric's own; join what was gathered elsewhere; compute."""

    def merge(self, other: Any) -> None:
        """Take over what another process gathered."""
        ...

    def compute(self, bootstrap: Bootstrap) -> Any:
        """Return the value, or values, of all that was gathered."""
        ...


T = TypeVar("T", bound=Metric)


def gather(metric: T) -> T:
    """Merge what all processes of torch.distributed gathered, each its share of the label maps; all get the whole.

    A single process gets its own back.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return metric
    parts: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(parts, _light(metric))
    for rank, part in enumerate(parts):
        if rank != distributed.get_rank():
            metric.merge(part)
    return metric


def _light(metric: T) -> T:
    """Every process has the network already."""
    sent = copy(metric)
    if hasattr(sent, "_network"):
        sent._network = None  # pyright: ignore[reportAttributeAccessIssue]
    return sent
