"""Spatially-adaptive normalization."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.nn.batch_norm import BatchNorm
from smis.nn.class_axes import ClassAxis, TensorAxes, convolution_axes
from smis.nn.label_maps import NeighborhoodTable, NormCondition

Fold = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Changes scale and shift, channels last."""

_WORTHWHILE = 2
"""Neighborhoods are looked up if a map has so many times more positions than different neighborhoods."""


class LabelModulation(nn.Module):
    """The scale and shift of each position, by two convolutions of the label map: what SPADE's and OASIS' norms share.

    A subclass normalizes the features; it adds its normalization before these convolutions, as released.
    """

    mlp_shared: nn.Sequential
    mlp_gamma: nn.Conv2d
    mlp_beta: nn.Conv2d

    def add_convolutions(
        self,
        channels: int,
        *,
        label_channels: int,
        hidden: int,
        shared_groups: int = 1,
        groups: int = 1,
        kernel: int = 3,
    ) -> None:
        """Add the convolutions of `label_channels` that give `channels` scales and shifts."""
        shared = nn.Conv2d(label_channels, hidden, kernel, padding=kernel // 2, groups=shared_groups)
        self.mlp_shared = nn.Sequential(shared, nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2, groups=groups)
        self.mlp_beta = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2, groups=groups)

    def modulation(
        self, condition: NormCondition, fold: Fold | None = None
    ) -> tuple[Float[Tensor, "#b c h w"], Float[Tensor, "#b c h w"]]:
        """Return the scale, 1 + gamma, and the shift of every position; `fold` changes both, channels last."""
        if self.mlp_gamma.kernel_size == (3, 3) and condition.is_countable():
            found = condition.neighborhood_table()
            if _WORTHWHILE * len(found.outer) <= found.places.numel():
                scale, shift = self._rows(found, condition.symbol_channels())
                scale, shift = fold(scale, shift) if fold else (scale, shift)
                return placed(scale, found.places), placed(shift, found.places)
        hidden = self.mlp_shared(condition.maps())
        scale, shift = 1 + self.mlp_gamma(hidden), self.mlp_beta(hidden)
        if fold is None:
            return scale, shift
        scale, shift = fold(scale.movedim(1, -1), shift.movedim(1, -1))
        return scale.movedim(-1, 1), shift.movedim(-1, 1)

    def _rows(
        self, found: NeighborhoodTable, meanings: Float[Tensor, "s k"]
    ) -> tuple[Float[Tensor, "o c"], Float[Tensor, "o c"]]:
        """Return the scale and shift of every neighborhood."""
        hidden = self._hidden(found.inner, meanings)
        seen = hidden.index_select(0, found.outer.flatten()).view(*found.outer.shape, -1)
        scale, shift = self._tables(seen)
        return 1 + scale, shift

    def _hidden(self, inner: Tensor, meanings: Float[Tensor, "s k"]) -> Float[Tensor, "i h"]:
        """Convolve every 3x3 neighborhood of symbols; the last row, of a place outside the image, is 0."""
        shared: nn.Conv2d = self.mlp_shared[0]  # pyright: ignore[reportAssignmentType]
        assert shared.bias is not None
        groups, (count, channels) = shared.groups, meanings.shape
        weight = shared.weight.unflatten(0, (groups, -1)).flatten(3)
        own = meanings.to(weight.dtype).view(count, groups, channels // groups)
        table = torch.einsum("sgk,gokt->tsgo", own, weight).flatten(2)
        nothing = table.new_zeros(9, 1, table.shape[2])
        rows = torch.cat([table, nothing], dim=1).flatten(0, 1)
        taps = torch.arange(9, device=inner.device) * (count + 1)
        hidden = F.embedding_bag(inner + taps, rows, mode="sum") + shared.bias
        return F.pad(hidden.relu(), (0, 0, 0, 1))

    def _tables(self, seen: Float[Tensor, "o 9 h"]) -> tuple[Float[Tensor, "o c"], Float[Tensor, "o c"]]:
        """Convolve every neighborhood's nine hidden vectors to scale - 1 and shift."""
        groups, biases = self.mlp_gamma.groups, (self.mlp_gamma.bias, self.mlp_beta.bias)
        assert biases[0] is not None
        assert biases[1] is not None
        rows = seen.unflatten(2, (groups, -1)).permute(2, 0, 1, 3).flatten(2)
        both = torch.stack([self.mlp_gamma.weight, self.mlp_beta.weight]).unflatten(1, (groups, -1))
        # (which, group, out, in, row, column) -> (group, rows and columns and in, which and out)
        weight = both.permute(1, 4, 5, 3, 0, 2).flatten(1, 3).flatten(2)
        product = torch.bmm(rows, weight).unflatten(2, (2, -1)).permute(2, 1, 0, 3).flatten(2)
        return product[0] + biases[0], product[1] + biases[1]


class SpadeNorm(LabelModulation):
    """Normalize the features, then scale and shift each position by the label map there.

    Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019), Eq. 1, with the scale
    1 + gamma, as released, so that training starts from plain normalization. One label map serves any number of
    features (a batch of 1 is broadcast).

    Scale and shift of a position depend on the 5x5 labels about it, and most positions of a large map, inside of
    things, have the same. On a CPU each different neighborhood is computed once, and positions look theirs up.

    Args:
        channels: of the features.
        label_channels: of the label map.
        hidden: channels between the two convolutions.
        shared_groups: groups of the first convolution.
        groups: groups of the convolutions that give gamma and beta.

    Example:
        >>> from smis.nn.label_maps import LabelPyramid
        >>> layer, x = SpadeNorm(4, label_channels=3, hidden=8), torch.rand(2, 4, 8, 8)
        >>> for predicted in (layer.mlp_gamma, layer.mlp_beta):
        ...     predicted.weight.data[:], predicted.bias.data[:] = 0, 0
        >>> layout = LabelPyramid(torch.randint(3, (1, 8, 8)), classes=3)
        >>> torch.allclose(layer(x, layout.at(8, 8)), layer.param_free_norm(x), atol=1e-5)
        True
    """

    def __init__(
        self, channels: int, *, label_channels: int, hidden: int = 128, shared_groups: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.param_free_norm = BatchNorm(channels)
        self.add_convolutions(
            channels, label_channels=label_channels, hidden=hidden, shared_groups=shared_groups, groups=groups
        )

    def forward(self, x: Float[Tensor, "b c h w"], condition: NormCondition) -> Float[Tensor, "b c h w"]:
        """Scale by 1 + gamma and shift by beta; `condition` is that at the size of `x`.

        In evaluation on a CPU the running statistics are inside scale and shift.
        """
        norm = self.param_free_norm
        if norm.is_foldable(x):
            scale, shift = condition.cached(self, lambda: self.modulation(condition, norm.fold))
            return torch.addcmul(shift, x, scale)
        scale, shift = condition.cached(self, lambda: self.modulation(condition))
        return torch.addcmul(shift, norm(x), scale)

    @property
    def groups(self) -> int:
        """Groups of the convolutions that give scale and shift."""
        return self.mlp_gamma.groups

    def class_axes(self, name: str, *, classes: int, features: ClassAxis | None) -> Iterator[tuple[str, TensorAxes]]:
        """Yield the axes of this layer's tensors, if it is called `name` and its features are divided so."""
        shared: nn.Conv2d = self.mlp_shared[0]  # pyright: ignore[reportAssignmentType]
        hidden = ClassAxis.of(shared.groups)
        yield from convolution_axes(f"{name}.mlp_shared.0", shared, reads=ClassAxis.of(classes), makes=hidden)
        for part, conv in (("mlp_gamma", self.mlp_gamma), ("mlp_beta", self.mlp_beta)):
            yield from convolution_axes(f"{name}.{part}", conv, reads=hidden, makes=features)
        for part in ("running_mean", "running_var"):
            yield f"{name}.param_free_norm.{part}", TensorAxes(features)


def placed(table: Float[Tensor, "o c"], places: Int[Tensor, "b h w"]) -> Float[Tensor, "b c h w"]:
    """Look up the row of each place.

    Example:
        >>> placed(torch.tensor([[5.0], [6.0]]), torch.tensor([[[0, 1, 1]]]))
        tensor([[[[5., 6., 6.]]]])
    """
    return F.embedding(places, table).permute(0, 3, 1, 2)
