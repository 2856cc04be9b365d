"""What a generator is told about the places of things, at every size that its blocks work at."""

from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from smis.nn.edges import instance_edges


@runtime_checkable
class Layout(Protocol):
    """Gives the normalisation layers of a block their condition, at the block's size."""

    def at(self, height: int, width: int) -> Any:
        """Return the condition at a size."""
        ...


class LabelPyramid:
    """The label map as channels, resized to nearest neighbours once for each size."""

    def __init__(self, semantics: Float[Tensor, "b k h w"]) -> None:
        self._sizes = {tuple(semantics.shape[-2:]): semantics}
        self._full = semantics

    def at(self, height: int, width: int) -> Float[Tensor, "b k height width"]:
        """Return the map at a size."""
        size = (height, width)
        if size not in self._sizes:
            self._sizes[size] = F.interpolate(self._full, size=size, mode="nearest")
        return self._sizes[size]


def one_hot(labels: Int[Tensor, "b h w"], classes: int) -> Float[Tensor, "b k h w"]:
    """Give each class a channel that is 1 where the class is."""
    ids = torch.arange(classes, device=labels.device).view(1, -1, 1, 1)
    return (labels.unsqueeze(1) == ids).float()


def semantics(
    labels: Int[Tensor, "b h w"], instances: Int[Tensor, "b h w"] | None, *, classes: int
) -> Float[Tensor, "b k h w"]:
    """Give each class a channel, then, if instances are given, one more that is 1 on their edges."""
    channels = one_hot(labels, classes)
    return channels if instances is None else torch.cat([channels, instance_edges(instances)], dim=1)
