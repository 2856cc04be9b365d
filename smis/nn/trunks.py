"""Trunks of classification networks whose activations are compared: AlexNet, VGG and SqueezeNet.

LPIPS, ST-LPIPS and the perceptual loss read them. torchvision is an optional package and builds the classifiers too,
nine tenths of AlexNet's and VGG's numbers, so the layers are listed here, numbered as in its files.
"""

import re
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.nn.initialize import SkipInit

LPIPS_SHIFT, LPIPS_SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and standard deviation of each color in -1..1, as LPIPS and ST-LPIPS normalize images."""
_SLICE = re.compile(r"^net\.slice\d+\.")


class Trunk(nn.Module):
    """Run layers one after the other and return the activations after some of them.

    Args:
        layers: in the order and with the numbers of the weight file; those after the last of `taps` are left out.
        taps: numbers of the layers whose activations are returned, in ascending order.

    Example:
        >>> [tuple(x.shape) for x in vgg16()(torch.zeros(1, 3, 32, 32))][:2]
        [(1, 64, 32, 32), (1, 128, 16, 16)]
    """

    def __init__(self, layers: Sequence[nn.Module], *, taps: tuple[int, ...]) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers[: taps[-1] + 1])
        self.taps = taps

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Return the activations after each tap, first layer first."""
        activations, x = [], image
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.taps:
                activations.append(x)
        return activations

    def load(self, tensors: Mapping[str, Tensor]) -> "Trunk":
        """Copy weights from a file's tensors, with torchvision's (`features.0.weight`) or ST-LPIPS's names
        (`net.slice1.0.weight`); other tensors are left out. Weights are kept channels last: faster on a CPU.
        """
        renamed = {_SLICE.sub("features.", key): tensor for key, tensor in tensors.items()}
        self.load_state_dict({key: renamed[key] for key in self.state_dict()})
        return self.to(memory_format=torch.channels_last)


class BlurPool(nn.Module):
    """Smooth with a binomial filter, then take every second position.

    Zhang, "Making Convolutional Networks Shift-Invariant Again" (ICML 2019), with the wider reflected border of
    Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric" (ECCV 2022).

    Example:
        >>> BlurPool(8)(torch.zeros(1, 8, 15, 16)).shape
        torch.Size([1, 8, 9, 9])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.filt = nn.Buffer((line[:, None] * line).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Return maps of (n + 3) // 2 positions for n along each side."""
        padded = F.pad(x, (2, 2, 2, 2), mode="reflect")
        return F.conv2d(padded, self.filt, stride=2, groups=x.shape[1])


class Fire(nn.Module):
    """Squeeze to a few channels, then expand with 1 x 1 and 3 x 3 convolutions side by side.

    Iandola et al., "SqueezeNet" (2016), Fig. 1. The output has twice `expanded` channels.

    Example:
        >>> Fire(8, 2, expanded=5)(torch.zeros(1, 8, 4, 4)).shape
        torch.Size([1, 10, 4, 4])
    """

    def __init__(self, channels: int, squeezed: int, *, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Return the expanded features."""
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], dim=1)


def alexnet(*, shift_tolerant: bool = False) -> Trunk:
    """Build AlexNet's convolutions without weights; taps are its five activations.

    Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014). `shift_tolerant`: strides are
    replaced by blur pooling (ECCV 2022).

    Example:
        >>> [x.shape[1] for x in alexnet()(torch.zeros(1, 3, 64, 64))]
        [64, 192, 384, 256, 256]
    """
    with SkipInit():
        if shift_tolerant:
            layers = [nn.Conv2d(3, 64, 11, padding=2), BlurPool(64), nn.ReLU()]
        else:
            layers = [nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU()]
        layers += [*_max_pool(64, 3, shift_tolerant), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU()]
        layers += [*_max_pool(192, 3, shift_tolerant)]
        for before, after in ((192, 384), (384, 256), (256, 256)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
    return Trunk(layers, taps=(2, 6, 10, 12, 14) if shift_tolerant else (1, 4, 7, 9, 11))


def vgg16(*, shift_tolerant: bool = False, slices: int = 5) -> Trunk:
    """Build VGG-16's convolutions without weights; taps are the last activations of its first `slices` stages.

    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (ICLR 2015),
    configuration D. `shift_tolerant`: maxima are taken everywhere and blur pooling follows (ECCV 2022).
    """
    taps = (3, 9, 17, 25, 33) if shift_tolerant else (3, 8, 15, 22, 29)
    return Trunk(_vgg((2, 2, 3, 3, 3), shift_tolerant), taps=taps[:slices])


def vgg19(*, slices: int = 5) -> Trunk:
    """Build VGG-19's convolutions without weights (configuration E); taps are the first activations of the stages."""
    return Trunk(_vgg((2, 2, 4, 4, 4), False), taps=(1, 6, 11, 20, 29)[:slices])


def squeezenet() -> Trunk:
    """Build SqueezeNet 1.1's convolutions without weights; taps are the seven activations that LPIPS reads.

    Example:
        >>> [x.shape[1] for x in squeezenet()(torch.zeros(1, 3, 64, 64))]
        [64, 128, 256, 384, 384, 512, 512]
    """
    with SkipInit():
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU()]
        channels = 64
        for squeezed, expanded in ((0, 0), (16, 64), (16, 64), (0, 0), (32, 128), (32, 128), (0, 0)):
            layers.append(
                Fire(channels, squeezed, expanded=expanded) if squeezed else nn.MaxPool2d(3, 2, ceil_mode=True)
            )
            channels = 2 * expanded or channels
        for squeezed, expanded in ((48, 192), (48, 192), (64, 256), (64, 256)):
            layers.append(Fire(channels, squeezed, expanded=expanded))
            channels = 2 * expanded
    return Trunk(layers, taps=(1, 4, 7, 9, 10, 11, 12))


def _vgg(depths: tuple[int, ...], shift_tolerant: bool) -> list[nn.Module]:
    layers: list[nn.Module] = []
    channels = 3
    with SkipInit():
        for width, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
            layers += _max_pool(channels, 2, shift_tolerant) if layers else []
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
    return layers


def _max_pool(channels: int, size: int, shift_tolerant: bool) -> list[nn.Module]:
    return [nn.MaxPool2d(size, stride=1), BlurPool(channels)] if shift_tolerant else [nn.MaxPool2d(size, stride=2)]
