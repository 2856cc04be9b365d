"""The generator of pix2pixHD: down, through residual blocks, and up again."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from smis.core.shapes import Image
from smis.nn.spectral import spectral

Convolution = nn.Conv2d | nn.ConvTranspose2d
Normalize = Callable[[Convolution], list[nn.Module]]
"""Turns a convolution into the layers that stand in its place: itself and its normalization."""


def instance_norm(conv: Convolution) -> list[nn.Module]:
    """Normalize behind the convolution, as NVIDIA's release does: the bias stays, though it cannot count."""
    return [conv, nn.InstanceNorm2d(conv.out_channels)]


def spectral_instance_norm(conv: Convolution) -> list[nn.Module]:
    """Normalize the weight and behind the convolution, as the code base of SPADE does: there is no bias."""
    conv.bias = None
    return [nn.Sequential(spectral(conv), nn.InstanceNorm2d(conv.out_channels))]


class GlobalGenerator(nn.Module):
    """Turn a label map into an image: halve it, change it in residual blocks, double it again.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.2:
    G1. Both sides are multiples of 2**downsamplings.
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        downsamplings: int = 4,
        blocks: int = 9,
        normalize: Normalize = instance_norm,
    ) -> None:
        super().__init__()
        middle = width * 2**downsamplings
        self.model = nn.Sequential(
            *halved(channels, width=width, times=downsamplings, normalize=normalize),
            *(ResidualBlock(middle, normalize=normalize) for _ in range(blocks)),
            *doubled(middle, times=downsamplings, normalize=normalize),
            *painted(width, channels=3),
        )

    def forward(self, known: Float[Tensor, "b k h w"]) -> Image:
        """Make the images."""
        return self.model(known)


class ResidualBlock(nn.Module):
    """Add to the features what two convolutions make of them; borders are mirrored."""

    def __init__(self, channels: int, *, normalize: Normalize) -> None:
        super().__init__()
        first, second = (normalize(nn.Conv2d(channels, channels, 3)) for _ in range(2))
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), *first, nn.ReLU(inplace=True), nn.ReflectionPad2d(1), *second
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return the changed features."""
        return x + self.conv_block(x)


def halved(channels: int, *, width: int, times: int, normalize: Normalize) -> list[nn.Module]:
    """Return the layers that read the input and halve it; each halving doubles the channels from `width` on."""
    layers = [nn.ReflectionPad2d(3), *normalize(nn.Conv2d(channels, width, 7)), nn.ReLU(inplace=True)]
    for before in (width * 2**time for time in range(times)):
        conv = nn.Conv2d(before, 2 * before, 3, stride=2, padding=1)
        layers += [*normalize(conv), nn.ReLU(inplace=True)]
    return layers


def doubled(channels: int, *, times: int, normalize: Normalize) -> list[nn.Module]:
    """Return the layers that double the features' size; each halves their channels."""
    layers: list[nn.Module] = []
    for before in (channels // 2**time for time in range(times)):
        conv = nn.ConvTranspose2d(before, before // 2, 3, stride=2, padding=1, output_padding=1)
        layers += [*normalize(conv), nn.ReLU(inplace=True)]
    return layers


def painted(width: int, *, channels: int) -> list[nn.Module]:
    """Return the layers that make an image in -1..1 of the last features."""
    return [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]
