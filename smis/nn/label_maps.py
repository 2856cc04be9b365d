"""Label and instance maps as input of networks, at every size that a generator works at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def instance_edges(instances: Int[Tensor, "b h w"]) -> Float[Tensor, "b 1 h w"]:
    """Mark with 1 each pixel one of whose four neighbors belongs to another instance: both sides of a boundary.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.3.

    Example:
        >>> instance_edges(torch.tensor([[[0, 0, 0, 1, 1]]]))
        tensor([[[[0., 0., 1., 1., 0.]]]])
    """
    edges = torch.zeros_like(instances, dtype=torch.bool)
    across = instances[:, :, 1:] != instances[:, :, :-1]
    down = instances[:, 1:, :] != instances[:, :-1, :]
    edges[:, :, 1:] |= across
    edges[:, :, :-1] |= across
    edges[:, 1:, :] |= down
    edges[:, :-1, :] |= down
    return edges.unsqueeze(1).float()


def resize_nearest(ids: Int[Tensor, "b h w"], *, height: int, width: int) -> Int[Tensor, "b y x"]:
    """Resize maps of ids to the nearest pixel, as `interpolate(mode="nearest")` does.

    The usual case, a whole ratio, is a view: no copy and no trip through float.

    Example:
        >>> resize_nearest(torch.tensor([[[0, 1, 2, 3]]]), height=1, width=2)
        tensor([[[0, 2]]])
    """
    rows, columns = ids.shape[1:]
    if rows % height == 0 and columns % width == 0:
        return ids[:, :: rows // height, :: columns // width]
    # Ids stay exact in float32 up to 2**24.
    return F.interpolate(ids[:, None].float(), size=(height, width), mode="nearest")[:, 0].to(ids.dtype)


@dataclass(frozen=True, eq=False)
class NeighborhoodTable:
    """The different 5x5 neighborhoods of a map, which two 3x3 convolutions in a row see, and where each of them is.

    `inner`: (i, 9), the symbols of every different 3x3 neighborhood. `outer`: (o, 9), for every different 5x5
    neighborhood, the rows of `inner` about its nine middle positions. `places`: (b, h, w), each position's row of
    `outer`. Neighborhoods are read row by row; a position outside the image has the number after the last.
    """

    inner: Int[Tensor, "i 9"]
    outer: Int[Tensor, "o 9"]
    places: Int[Tensor, "b h w"]

    @classmethod
    def of(cls, symbols: Int[Tensor, "b h w"], *, count: int) -> "NeighborhoodTable":
        """Return that of a map of symbols 0 .. count - 1."""
        inner, rows = neighborhoods(symbols, count=count)
        return cls(inner, *neighborhoods(rows, count=len(inner)))


def neighborhoods(ids: Int[Tensor, "b h w"], *, count: int) -> tuple[Int[Tensor, "n 9"], Int[Tensor, "b h w"]]:
    """Return the different 3x3 neighborhoods of a map of ids 0 .. count - 1, and which one each place has.

    Three ids side by side are counted first, then three of those one below the other: a number of 64 bits holds
    either if there are fewer than 2**21 ids and places.

    Example:
        >>> different, places = neighborhoods(torch.zeros(1, 64, 64, dtype=torch.long), count=1)
        >>> len(different)  # inside, at four sides, in four corners
        9
    """
    padded = F.pad(ids, (1, 1, 1, 1), value=count)
    lines, which = _different(padded[:, :, :-2], padded[:, :, 1:-1], padded[:, :, 2:])
    blocks, places = _different(which[:, :-2], which[:, 1:-1], which[:, 2:])
    return lines[blocks].flatten(1), places


def _different(
    a: Int[Tensor, "b h w"], b: Int[Tensor, "b h w"], c: Int[Tensor, "b h w"]
) -> tuple[Int[Tensor, "n 3"], Int[Tensor, "b h w"]]:
    """Number the different triples of ids at the same place."""
    base = 2**21
    seen, which = torch.unique((a * base + b) * base + c, return_inverse=True)
    return torch.stack([seen // base**2, seen // base % base, seen % base], dim=1), which


@runtime_checkable
class ConditionPyramid(Protocol):
    """Gives the normalization layers of a block their condition, at the block's size."""

    def at(self, height: int, width: int) -> Any:
        """Return the condition at a size."""
        ...


@runtime_checkable
class NormCondition(Protocol):
    """What a normalization layer reads of a map at one size."""

    def symbol_channels(self) -> Float[Tensor, "s k"]:
        """Return the channels that stand for each symbol of the neighborhoods."""
        ...

    def is_countable(self) -> bool:
        """Return whether neighborhoods may be counted."""
        ...

    def maps(self) -> Float[Tensor, "b k h w"]:
        """Return the channels as a map."""
        ...

    def neighborhood_table(self) -> NeighborhoodTable:
        """Return the different neighborhoods of the map."""
        ...

    def cached(self, key: object, compute: Callable[[], Any]) -> Any:
        """Compute what depends on the map alone, or return it from the cache."""
        ...


def is_countable(ids: Tensor) -> bool:
    """Return whether a map's neighborhoods may be counted: that waits for the map, and no traced program can do it."""
    here = ids.device.type == "cpu" and not torch.compiler.is_compiling()
    return here and 2**8 <= ids.numel() < 2**21


class Condition:
    """The label map at one size: a symbol for every position, and the channels that stand for each symbol.

    `symbols`: (b, h, w), rows of `meanings`: (symbols, k), the k channels that a position of this symbol has. They are
    more than the classes where edges are a channel: each class has one symbol on edges and one away from them.
    `positions`: (b, 2, h, w), where in its region each position is, or None.
    """

    def __init__(
        self,
        symbols: Int[Tensor, "b h w"],
        meanings: Float[Tensor, "s k"],
        *,
        cache: bool,
        positions: Float[Tensor, "b 2 h w"] | None = None,
    ) -> None:
        self.symbols, self.meanings, self.positions = symbols, meanings, positions
        self._memory: dict[object, Any] | None = {} if cache else None
        self._maps: Tensor | None = None
        self._table: NeighborhoodTable | None = None

    def symbol_channels(self) -> Float[Tensor, "s k"]:
        """Return the channels that stand for each symbol."""
        return self.meanings

    def is_countable(self) -> bool:
        """Return whether neighborhoods may be counted."""
        return is_countable(self.symbols)

    def maps(self) -> Float[Tensor, "b k h w"]:
        """Return the channels as a map."""
        if self._maps is None:
            self._maps = F.embedding(self.symbols, self.meanings).permute(0, 3, 1, 2).contiguous()
        return self._maps

    def neighborhood_table(self) -> NeighborhoodTable:
        """Return the different neighborhoods of the map."""
        if self._table is None:
            self._table = NeighborhoodTable.of(self.symbols, count=len(self.meanings))
        return self._table

    def cached(self, key: object, compute: Callable[[], Any]) -> Any:
        """Compute what depends on the map alone, or return it from the cache if this layout has one."""
        if self._memory is None:
            return compute()
        if key not in self._memory:
            self._memory[key] = compute()
        return self._memory[key]


class LabelPyramid:
    """The label map, and the edges of instances if instances are given, at every size: that of the nearest pixel.

    The channels are one for each class, then the edges; `interleaved` makes them class 0, edges, class 1, edges, ...
    so that each group of channels has both. `positions` say where in its region each pixel is
    (`smis.nn.positional_maps`). With `cache`, it keeps what layers compute from it: for one set of weights, without
    gradients.

    Example:
        >>> labels = torch.tensor([0, 0, 1, 1]).expand(1, 4, 4)
        >>> pyramid = LabelPyramid(labels, labels, classes=2)
        >>> pyramid.at(1, 4).maps()[0, :, 0]
        tensor([[1., 1., 0., 0.],
                [0., 0., 1., 1.],
                [0., 1., 1., 0.]])
    """

    def __init__(
        self,
        labels: Int[Tensor, "b h w"],
        instances: Int[Tensor, "b h w"] | None = None,
        *,
        classes: int,
        interleaved: bool = False,
        cache: bool = False,
        positions: Float[Tensor, "b 2 h w"] | None = None,
    ) -> None:
        self.size = (labels.shape[1], labels.shape[2])
        self._remember = cache
        self._sizes: dict[tuple[int, int], Condition] = {}
        self._meanings = torch.eye(classes, device=labels.device)
        self._symbols, self._positions = labels, positions
        if instances is not None:
            # a symbol for each class away from edges, and another on them
            self._symbols = 2 * labels + instance_edges(instances).squeeze(1).to(labels.dtype)
            self._meanings = _on_and_off_edges(self._meanings, interleaved=interleaved)

    def at(self, height: int, width: int) -> Condition:
        """Return the map at a size."""
        size = (height, width)
        if size not in self._sizes:
            symbols = resize_nearest(self._symbols, height=height, width=width)
            positions = None if self._positions is None else F.interpolate(self._positions, size=size, mode="nearest")
            self._sizes[size] = Condition(symbols, self._meanings, cache=self._remember, positions=positions)
        return self._sizes[size]


def _on_and_off_edges(classes: Float[Tensor, "k k"], *, interleaved: bool) -> Float[Tensor, "s c"]:
    """Give each class two rows, the second with the edge channel on."""
    twice = classes.repeat_interleave(2, dim=0)
    edge = torch.tensor([0.0, 1.0], device=classes.device).repeat(len(classes)).unsqueeze(1)
    if not interleaved:
        return torch.cat([twice, edge], dim=1)
    return torch.stack([twice, edge.expand_as(twice)], dim=2).flatten(1)


def one_hot(labels: Int[Tensor, "b h w"], classes: int) -> Float[Tensor, "b k h w"]:
    """Give each class a channel that is 1 where the class is, else 0.

    Example:
        >>> one_hot(torch.tensor([[[0, 2]]]), 3)[0, :, 0]
        tensor([[1., 0.],
                [0., 0.],
                [0., 1.]])
    """
    ids = torch.arange(classes, device=labels.device).view(1, -1, 1, 1)
    return (labels.unsqueeze(1) == ids).float()


def label_channels(
    labels: Int[Tensor, "b h w"], instances: Int[Tensor, "b h w"] | None, *, classes: int
) -> Float[Tensor, "b k h w"]:
    """Give each class a channel, then, if instances are given, one more that is 1 on their edges.

    Example:
        >>> label_channels(torch.tensor([[[0, 0, 0]]]), torch.tensor([[[0, 0, 1]]]), classes=1)[0, :, 0]
        tensor([[1., 1., 1.],
                [0., 1., 1.]])
    """
    channels = one_hot(labels, classes)
    return channels if instances is None else torch.cat([channels, instance_edges(instances)], dim=1)
