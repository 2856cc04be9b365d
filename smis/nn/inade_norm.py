"""Normalize, then scale and shift by class and by instance."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.nn.batch_norm import BatchNorm
from smis.nn.label_maps import resize_nearest


@dataclass(frozen=True, eq=False)
class InstanceCondition:
    """What `InadeNorm` reads at one size: rows of its tables for every position, and the noise of every instance."""

    labels: Int[Tensor, " places"]
    """Row among the classes."""
    instances: Int[Tensor, " places"]
    """Row among the slots of all pictures."""
    pairs: Int[Tensor, " places"]
    """Row among all (class, slot), class by class."""
    noise: Float[Tensor, "b slots 2 n"]
    sketch: Float[Tensor, "b 1 h w"] | None


class InstancePyramid:
    """Label and instance map at every size that a generator's blocks work at, with the noise of every instance.

    `noise` holds two vectors of each slot: that of its scale, then that of its shift.

    Example:
        >>> labels = torch.tensor([0, 0, 1, 1]).expand(1, 4, 4)
        >>> InstancePyramid(labels, labels, torch.randn(1, 2, 2, 8)).at(2, 2).labels
        tensor([0, 1, 0, 1])
    """

    def __init__(
        self,
        labels: Int[Tensor, "b h w"],
        instances: Int[Tensor, "b h w"],
        noise: Float[Tensor, "b slots 2 n"],
        sketch: Float[Tensor, "b 1 h w"] | None = None,
    ) -> None:
        batch, slots = noise.shape[:2]
        self._labels, self._noise, self._sketch = labels, noise, sketch
        self._rows = instances + slots * torch.arange(batch, device=instances.device).view(-1, 1, 1)
        self._sizes: dict[tuple[int, int], InstanceCondition] = {}

    def at(self, height: int, width: int) -> InstanceCondition:
        """Return the places at a size; ids are taken from the nearest pixel."""
        size = (height, width)
        if size not in self._sizes:
            labels = resize_nearest(self._labels, height=height, width=width).flatten()
            instances = resize_nearest(self._rows, height=height, width=width).flatten()
            pairs = labels * self._noise[:, :, 0, 0].numel() + instances
            sketch = None if self._sketch is None else F.interpolate(self._sketch, size=size, mode="nearest")
            self._sizes[size] = InstanceCondition(labels, instances, pairs, self._noise, sketch)
        return self._sizes[size]


class InadeNorm(nn.Module):
    """Normalize the features, then scale and shift each position by a sample of its instance from its class.

    Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021), Eq. 3 to 5:
    a class has an affine map from noise to (scale, shift), an instance has the noise. Unlike in SPADE there is no
    convolution over the map and no `1 +`: the map's output is the scale.

    The released code multiplies one-hot maps with tables, once for each class and once for each instance. Here each
    place looks its row up, so the cost does not grow with the number of classes or instances. A row is copied whole
    if a place's channels lie side by side, so features leave this layer in that order (`channels_last`).

    With a `sketch`, a 1 x 1 convolution merges the result with features that a convolution makes of the lines.

    Example:
        >>> layer, x = InadeNorm(4, classes=2, noise=8), torch.rand(1, 4, 4, 4)
        >>> layer.weight.data[:], layer.bias.data[:, :, 0] = 0, 1  # scale 1, shift 0, whatever the noise
        >>> labels = torch.tensor([0, 0, 1, 1]).expand(1, 4, 4)
        >>> changed = layer(x, InstancePyramid(labels, labels, torch.randn(1, 2, 2, 8)).at(4, 4))
        >>> torch.allclose(changed, layer.param_free_norm(x), atol=1e-5)
        True
    """

    def __init__(self, channels: int, *, classes: int, noise: int, sketch: bool = False) -> None:
        super().__init__()
        self.param_free_norm = BatchNorm(channels)
        self.weight = nn.Parameter(torch.rand(classes, channels, 2))
        self.bias = nn.Parameter(torch.zeros(classes, channels, 2))
        self.fc_noise = nn.Linear(noise, channels)
        if sketch:
            self.sketch_conv = nn.Conv2d(1, channels, 3, padding=1)
            self.merge_conv = nn.Conv2d(2 * channels, channels, 1, bias=False)

    def forward(self, x: Float[Tensor, "b c h w"], places: InstanceCondition) -> Float[Tensor, "b c h w"]:
        """Scale and shift; `places` are those at the size of `x`."""
        drawn = self.fc_noise(places.noise).flatten(0, 1)
        small_table = len(self.weight) * len(drawn) <= len(places.pairs)
        if small_table and self.param_free_norm.is_foldable(x):
            scale, shift = self.param_free_norm.fold(self._table(0, drawn[:, 0]), self._table(1, drawn[:, 1]))
            scale, shift = (_as_map(table.index_select(0, places.pairs), x) for table in (scale, shift))
            changed = shift.addcmul_(x, scale)
        else:
            find = self._looked_up if small_table else self._looked_up_apart
            scale, shift = (_as_map(find(places, kind, drawn[:, kind]), x) for kind in (0, 1))
            normal = self.param_free_norm(x.contiguous(memory_format=torch.channels_last))
            changed = scale * normal + shift
        if places.sketch is None:
            return changed
        return self.merge_conv(torch.cat([changed, self.sketch_conv(places.sketch)], dim=1))

    def _table(self, kind: int, drawn: Float[Tensor, "rows c"]) -> Float[Tensor, "pairs c"]:
        """Return the scale (kind 0) or shift (kind 1) of every (class, slot)."""
        weight, bias = self.weight[:, :, kind], self.bias[:, :, kind]
        return torch.addcmul(bias[:, None], weight[:, None], drawn).flatten(0, 1)

    def _looked_up(
        self, places: InstanceCondition, kind: int, drawn: Float[Tensor, "rows c"]
    ) -> Float[Tensor, "places c"]:
        """Return the scale or shift of each place: a table of every (class, slot) is small beside a large map."""
        return self._table(kind, drawn).index_select(0, places.pairs)

    def _looked_up_apart(
        self, places: InstanceCondition, kind: int, drawn: Float[Tensor, "rows c"]
    ) -> Float[Tensor, "places c"]:
        """Return the same on a small map, where the table would be the larger part: class and slot apart."""
        weight, bias = self.weight[:, :, kind], self.bias[:, :, kind]
        return torch.addcmul(
            bias.index_select(0, places.labels),
            weight.index_select(0, places.labels),
            drawn.index_select(0, places.instances),
        )


def _as_map(rows: Float[Tensor, "places c"], x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    batch, _, height, width = x.shape
    return rows.view(batch, height, width, -1).permute(0, 3, 1, 2)
