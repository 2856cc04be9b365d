"""The label map with a vector of noise at every position, as OASIS' generator reads it at every size."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from smis.nn.label_maps import NeighborhoodTable, is_countable, one_hot, resize_nearest


class RegionLayout:
    """Label and instance maps at every size; it keeps what depends on them alone, for any noise.

    A *region* is an instance with its class. In one picture each of its positions has the same channels.

    Args:
        labels: Class ids.
        instances: Instance ids.
        classes: Number of classes.

    Example:
        >>> labels = torch.tensor([0, 0, 1, 1]).expand(1, 4, 4)
        >>> layout = RegionLayout(labels, labels, classes=2)
        >>> layout.at(2, 2)[0]
        tensor([[[0, 1],
                 [0, 1]]])
    """

    def __init__(self, labels: Int[Tensor, "m h w"], instances: Int[Tensor, "m h w"], *, classes: int) -> None:
        self.size = (labels.shape[1], labels.shape[2])
        self.classes = classes
        self._labels, self._instances = labels, instances
        self._tables: dict[tuple[int, int], NeighborhoodTable] = {}

    def __len__(self) -> int:
        return len(self._labels)

    def at(self, height: int, width: int) -> tuple[Int[Tensor, "m y x"], Int[Tensor, "m y x"]]:
        """Return label and instance maps at a size: those of the nearest pixel."""
        return (
            resize_nearest(self._labels, height=height, width=width),
            resize_nearest(self._instances, height=height, width=width),
        )

    @cached_property
    def regions(self) -> tuple[Int[Tensor, "m h w"], Int[Tensor, "r 3"]]:
        """The region of every position, counted over all maps, and the map, instance and class of every region."""
        slots = int(self._instances.max()) + 1
        numbers = torch.arange(len(self), device=self._labels.device).view(-1, 1, 1)
        pairs = (numbers * slots + self._instances) * self.classes + self._labels
        different, symbols = torch.unique(pairs, return_inverse=True)
        instances = different // self.classes
        return symbols, torch.stack([instances // slots, instances % slots, different % self.classes], dim=1)

    def neighborhood_table(self, height: int, width: int) -> NeighborhoodTable:
        """Return the different neighborhoods of regions at a size."""
        size = (height, width)
        if size not in self._tables:
            symbols, regions = self.regions
            ids = resize_nearest(symbols, height=height, width=width)
            self._tables[size] = NeighborhoodTable.of(ids, count=len(regions))
        return self._tables[size]


class NoisePyramid:
    """A layout at every size, with the noise of every instance slot; one layout serves any number of noises.

    The channels of a position are the noise of its instance, then one for each class, as released.

    Example:
        >>> labels = torch.tensor([0, 0, 1, 1]).expand(1, 4, 4)
        >>> noise = torch.tensor([[[5.0], [7.0]]])
        >>> NoisePyramid(RegionLayout(labels, labels, classes=2), noise).at(1, 4).maps()[0, :, 0]
        tensor([[5., 5., 7., 7.],
                [1., 1., 0., 0.],
                [0., 0., 1., 1.]])
    """

    def __init__(self, layout: RegionLayout, noise: Float[Tensor, "b slots z"]) -> None:
        self.size = layout.size
        self._layout, self._noise = layout, noise
        self._sizes: dict[tuple[int, int], NoiseCondition] = {}

    def at(self, height: int, width: int) -> "NoiseCondition":
        """Return the condition at a size."""
        size = (height, width)
        if size not in self._sizes:
            self._sizes[size] = NoiseCondition(self, size)
        return self._sizes[size]

    def maps(self, height: int, width: int) -> Float[Tensor, "b k y x"]:
        """Return the channels as a map of a size."""
        count, slots = self._noise.shape[:2]
        labels, instances = (ids.expand(count, -1, -1) for ids in self._layout.at(height, width))
        rows = instances + slots * torch.arange(count, device=instances.device).view(-1, 1, 1)
        drawn = F.embedding(rows, self._noise.flatten(0, 1)).permute(0, 3, 1, 2)
        return torch.cat([drawn, one_hot(labels, self._layout.classes).to(drawn.dtype)], dim=1)

    def is_countable(self, height: int, width: int) -> bool:
        """Return whether the layout's neighborhoods may be counted at a size."""
        return is_countable(self._layout.at(height, width)[0])

    def neighborhood_table(self, height: int, width: int) -> NeighborhoodTable:
        """Return the layout's neighborhoods at a size, once for each noise that one map serves."""
        table = self._layout.neighborhood_table(height, width)
        return table if self._times == 1 else _repeated(table, len(self._layout.regions[1]), times=self._times)

    @cached_property
    def meanings(self) -> Float[Tensor, "s k"]:
        """The channels of every region, for each noise that one map serves."""
        numbers, instances, classes = self._layout.regions[1].unbind(1)
        known = F.one_hot(classes, self._layout.classes).to(self._noise.dtype)
        if self._times == 1:
            return torch.cat([self._noise[numbers, instances], known], dim=1)
        return torch.cat([self._noise[:, instances], known.expand(self._times, -1, -1)], dim=2).flatten(0, 1)

    @property
    def _times(self) -> int:
        return len(self._noise) if len(self._layout) == 1 else 1


class NoiseCondition:
    """The channels of a `NoisePyramid` at one size."""

    def __init__(self, pyramid: NoisePyramid, size: tuple[int, int]) -> None:
        self._pyramid, self._size = pyramid, size
        self._maps: Tensor | None = None
        self._table: NeighborhoodTable | None = None

    def symbol_channels(self) -> Float[Tensor, "s k"]:
        """Return the channels of every region."""
        return self._pyramid.meanings

    def is_countable(self) -> bool:
        """Return whether neighborhoods may be counted."""
        return self._pyramid.is_countable(*self._size)

    def maps(self) -> Float[Tensor, "b k h w"]:
        """Return the channels as a map."""
        if self._maps is None:
            self._maps = self._pyramid.maps(*self._size)
        return self._maps

    def neighborhood_table(self) -> NeighborhoodTable:
        """Return the different neighborhoods of the map."""
        if self._table is None:
            self._table = self._pyramid.neighborhood_table(*self._size)
        return self._table

    def cached(self, key: object, compute: Callable[[], Any]) -> Any:
        """Compute what a layer makes of it: that depends on the noise, so nothing is kept."""
        return compute()


def _repeated(table: NeighborhoodTable, regions: int, *, times: int) -> NeighborhoodTable:
    """Number the regions of one map apart for each of several noises; what lies outside keeps the last number."""
    return NeighborhoodTable(
        _shifted(table.inner, regions, times=times),
        _shifted(table.outer, len(table.inner), times=times),
        table.places + len(table.outer) * torch.arange(times).view(-1, 1, 1),
    )


def _shifted(rows: Int[Tensor, "n 9"], count: int, *, times: int) -> Int[Tensor, "m 9"]:
    moved = rows + count * torch.arange(times).view(-1, 1, 1)
    return torch.where(rows == count, times * count, moved).flatten(0, 1)
