"""Normalise, then scale and shift by class and by instance."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.nn.batch_norm import BatchNorm
from smis.nn.nearest import nearest


@dataclass(frozen=True, eq=False)
class Places:
    """Class and instance of every place at one size, row by row, and the noise of every instance."""

    labels: Int[Tensor, "b p"]
    instances: Int[Tensor, "b p"]
    pairs: Int[Tensor, "b p"]
    """Numbers each (class, instance): class * slots + instance."""
    noise: Float[Tensor, "b slots 2 n"]


class InstanceLayout:
    """Label and instance map at every size that a generator's blocks work at, with the noise of every instance."""

    def __init__(
        self, labels: Int[Tensor, "b h w"], instances: Int[Tensor, "b h w"], noise: Float[Tensor, "b slots 2 n"]
    ) -> None:
        self._labels, self._instances, self._noise = labels, instances, noise
        self._sizes: dict[tuple[int, int], Places] = {}

    def at(self, height: int, width: int) -> Places:
        """Return the places at a size; ids are taken from the nearest pixel."""
        size = (height, width)
        if size not in self._sizes:
            labels = nearest(self._labels, height=height, width=width).flatten(1)
            instances = nearest(self._instances, height=height, width=width).flatten(1)
            pairs = labels * self._noise.shape[1] + instances
            self._sizes[size] = Places(labels, instances, pairs, self._noise)
        return self._sizes[size]


class InadeNorm(nn.Module):
    """Normalise the features, then scale and shift each place by what its instance drew from its class.

    Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021), Eq. 3 to 5:
    a class holds an affine map from noise to (scale, shift), an instance brings the noise. Unlike in SPADE there is
    no convolution over the map and no `1 +`: the scale is what class and instance say.

    The released code multiplies one-hot maps with tables, once for each class and once for each instance. Here each
    place looks its row up, so the cost does not grow with the number of classes or instances.
    """

    def __init__(self, channels: int, *, classes: int, noise: int) -> None:
        super().__init__()
        self.param_free_norm = BatchNorm(channels)
        self.weight = nn.Parameter(torch.rand(classes, channels, 2))
        self.bias = nn.Parameter(torch.zeros(classes, channels, 2))
        self.fc_noise = nn.Linear(noise, channels)

    def forward(self, x: Float[Tensor, "b c h w"], places: Places) -> Float[Tensor, "b c h w"]:
        """Scale and shift; `places` are those at the size of `x`."""
        size = x.shape[2:]
        scale, shift = self._modulation(places)
        return torch.addcmul(shift.unflatten(2, size), scale.unflatten(2, size), self.param_free_norm(x))

    def _modulation(self, places: Places) -> tuple[Float[Tensor, "b c p"], Float[Tensor, "b c p"]]:
        """Look up scale and shift at each place.

        A table of every (class, instance) is small beside a large map, and then one look-up does. On a small map the
        table would be the larger part: there class and instance are looked up apart.
        """
        batch, slots = places.noise.shape[:2]
        classes, channels, _ = self.weight.shape
        weight = self.weight.permute(2, 1, 0).reshape(2 * channels, classes).expand(batch, -1, -1)
        bias = self.bias.permute(2, 1, 0).reshape(2 * channels, classes).expand(batch, -1, -1)
        drawn = self.fc_noise(places.noise).permute(0, 2, 3, 1).reshape(batch, 2 * channels, slots)
        if slots * classes <= places.pairs.shape[1]:
            table = torch.addcmul(bias[..., None], weight[..., None], drawn[:, :, None]).flatten(2)
            both = _look_up(table, places.pairs)
        else:
            both = torch.addcmul(
                _look_up(bias, places.labels), _look_up(weight, places.labels), _look_up(drawn, places.instances)
            )
        scale, shift = both.unflatten(1, (2, channels)).unbind(1)
        return scale, shift


def _look_up(table: Float[Tensor, "b c rows"], rows: Int[Tensor, "b p"]) -> Float[Tensor, "b c p"]:
    """Give each place its row of the table, in the features' own layout so that nothing is transposed."""
    return table.gather(2, rows[:, None].expand(-1, table.shape[1], -1))
