"""LPIPS, version 0.1: `lpips_alex`, `lpips_vgg` and `lpips_squeeze`, equal to the package `lpips`.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR 2018). The package ships
the learned weights of the channels; the trunks are torchvision's files. The features of an image are computed once,
however many pairs it is part of, which the package does not do. Images are -1..1; 0..1 would be silently wrong.
"""

from collections import OrderedDict
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smis.core import weights
from smis.metrics.perceptual_distance import Features, PerceptualDistance

TRUNKS = {"lpips_alex": "alexnet", "lpips_vgg": "vgg16", "lpips_squeeze": "squeezenet"}
"""For each network the row of its trunk in the table of weights."""
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_SMALLEST = {"lpips_alex": 31, "lpips_vgg": 16, "lpips_squeeze": 17}
"""Of fewer pixels, nothing would be left before the last pooling."""


class Trunk(nn.Module):
    """Run torchvision's layers, named as in its files, and keep what comes out of some of them."""

    def __init__(self, layers: Mapping[int, nn.Module], *, keep: tuple[int, ...]) -> None:
        super().__init__()
        self.features = nn.Sequential(OrderedDict((str(place), layer) for place, layer in layers.items()))
        self._keep = frozenset(keep)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Features:
        """Return the kept activations, first layer first."""
        kept, x = [], image
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in self._keep:
                kept.append(x)
        return kept


class Fire(nn.Module):
    """Squeeze to a few channels, then expand with 1 x 1 and 3 x 3 convolutions side by side.

    Iandola et al., "SqueezeNet" (2016), Fig. 1.
    """

    def __init__(self, channels: int, squeezed: int, *, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Return twice `expanded` channels."""
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], dim=1)


def load(name: str) -> PerceptualDistance:
    """Build a network of `TRUNKS` with its published weights, frozen, on the CPU.

    Raises:
        WeightsError: if weights are missing or are not the published ones.
    """
    return build(name, trunk=weights.read(TRUNKS[name]), heads=weights.read(name))


def build(name: str, *, trunk: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> PerceptualDistance:
    """Build a network from torchvision's tensors (`features.*`; others are left out) and the package's (`lin*`)."""
    network = {"lpips_alex": _alex, "lpips_vgg": _vgg, "lpips_squeeze": _squeeze}[name]()
    network.load_state_dict({key: trunk[key] for key in network.state_dict()})
    return PerceptualDistance(
        network.to(memory_format=torch.channels_last),
        name=name,
        weights=[heads[f"lin{layer}.model.1.weight"].flatten() for layer in range(len(network._keep))],
        shift=torch.tensor(_SHIFT),
        scale=torch.tensor(_SCALE),
        smallest=_SMALLEST[name],
    )


def protocol(name: str) -> dict[str, str]:
    """Say which network measures, and with which weights."""
    return {
        "network": name,
        "version": "0.1",
        "weights": weights.TABLE[name].sha256,
        "trunk": weights.TABLE[TRUNKS[name]].sha256,
    }


def _alex() -> Trunk:
    """Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014)."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)]
    layers += [nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)]
    for before, after in ((192, 384), (384, 256), (256, 256)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
    return Trunk(dict(enumerate(layers)), keep=(1, 4, 7, 9, 11))


def _vgg() -> Trunk:
    """Simonyan and Zisserman, "Very Deep Convolutional Networks" (ICLR 2015), configuration D."""
    layers: list[nn.Module] = []
    channels = 3
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [nn.MaxPool2d(2)] if layers else []
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return Trunk(dict(enumerate(layers)), keep=(3, 8, 15, 22, 29))


def _squeeze() -> Trunk:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU()]
    channels = 64
    for squeezed, expanded in ((0, 0), (16, 64), (16, 64), (0, 0), (32, 128), (32, 128), (0, 0)):
        layers.append(Fire(channels, squeezed, expanded=expanded) if squeezed else nn.MaxPool2d(3, 2, ceil_mode=True))
        channels = 2 * expanded or channels
    for squeezed, expanded in ((48, 192), (48, 192), (64, 256), (64, 256)):
        layers.append(Fire(channels, squeezed, expanded=expanded))
        channels = 2 * expanded
    return Trunk(dict(enumerate(layers)), keep=(1, 4, 7, 9, 10, 11, 12))
