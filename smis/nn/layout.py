"""What a generator is told about the places of things, at every size that its blocks work at."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from smis.nn.edges import instance_edges
from smis.nn.nearest import nearest
from smis.nn.neighborhoods import Patterns, patterns


@runtime_checkable
class Layout(Protocol):
    """Gives the normalization layers of a block their condition, at the block's size."""

    def at(self, height: int, width: int) -> Any:
        """Return the condition at a size."""
        ...


class Condition:
    """The label map at one size: a symbol for every place, and what each symbol means to a convolution.

    `symbols`: (b, h, w), rows of `meanings`: (symbols, k), the k channels that a place of this symbol has.
    """

    def __init__(self, symbols: Int[Tensor, "b h w"], meanings: Float[Tensor, "s k"], *, remember: bool) -> None:
        self.symbols, self.meanings = symbols, meanings
        self._memory: dict[object, Any] | None = {} if remember else None
        self._maps: Tensor | None = None
        self._patterns: Patterns | None = None

    def maps(self) -> Float[Tensor, "b k h w"]:
        """Return the channels as a map."""
        if self._maps is None:
            self._maps = functional.embedding(self.symbols, self.meanings).permute(0, 3, 1, 2).contiguous()
        return self._maps

    def patterns(self) -> Patterns:
        """Return the different neighborhoods of the map."""
        if self._patterns is None:
            self._patterns = patterns(self.symbols, count=len(self.meanings))
        return self._patterns

    def recalled(self, key: object, compute: Callable[[], Any]) -> Any:
        """Compute what depends on the map alone, or remember it if this layout is one that remembers."""
        if self._memory is None:
            return compute()
        if key not in self._memory:
            self._memory[key] = compute()
        return self._memory[key]


class LabelPyramid:
    """The label map, and the edges of instances if instances are given, at every size: that of the nearest pixel.

    The channels are one for each class, then the edges; `interleaved` makes them class 0, edges, class 1, edges, ...
    so that each group of channels has both. A pyramid that is to `remember` keeps what layers compute from it; it is
    for one set of weights, and for use without gradients.
    """

    def __init__(
        self,
        labels: Int[Tensor, "b h w"],
        instances: Int[Tensor, "b h w"] | None = None,
        *,
        classes: int,
        interleaved: bool = False,
        remember: bool = False,
    ) -> None:
        self.size = (labels.shape[1], labels.shape[2])
        self._remember = remember
        self._sizes: dict[tuple[int, int], Condition] = {}
        self._meanings = torch.eye(classes, device=labels.device)
        self._symbols = labels
        if instances is not None:
            # a symbol for each class away from edges, and another on them
            self._symbols = 2 * labels + instance_edges(instances).squeeze(1).to(labels.dtype)
            self._meanings = _on_and_off_edges(self._meanings, interleaved=interleaved)

    def at(self, height: int, width: int) -> Condition:
        """Return the map at a size."""
        size = (height, width)
        if size not in self._sizes:
            symbols = nearest(self._symbols, height=height, width=width)
            self._sizes[size] = Condition(symbols, self._meanings, remember=self._remember)
        return self._sizes[size]


def _on_and_off_edges(classes: Float[Tensor, "k k"], *, interleaved: bool) -> Float[Tensor, "s c"]:
    """Give each class two rows, the second with the edge channel on."""
    twice = classes.repeat_interleave(2, dim=0)
    edge = torch.tensor([0.0, 1.0], device=classes.device).repeat(len(classes)).unsqueeze(1)
    if not interleaved:
        return torch.cat([twice, edge], dim=1)
    return torch.stack([twice, edge.expand_as(twice)], dim=2).flatten(1)


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
