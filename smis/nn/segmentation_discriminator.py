"""The discriminator of OASIS: a network that segments images, with one class more for what is generated."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.core.shapes import size_text
from smis.nn.class_axes import ClassAxis, TensorAxes
from smis.nn.spectral_norm import spectral_norm


class SegmentationDiscriminatorConfig(Config):
    """Size of the discriminator; the defaults are the released ones.

    Example:
        >>> config = SegmentationDiscriminatorConfig(width=4, multiples=(1, 2))
        >>> config.build(classes=5)(torch.zeros(1, 3, 8, 12)).shape
        torch.Size([1, 6, 8, 12])
    """

    width: PositiveInt = 64
    multiples: tuple[PositiveInt, ...] = Field(default=(2, 2, 4, 4, 8, 8), min_length=1)
    """Channels after each halving, in multiples of `width`."""
    last: PositiveInt = 1
    """Channels after the last doubling, in multiples of `width`."""

    def build(self, *, classes: int, last_first: bool = False) -> "SegmentationDiscriminator":
        """Build it for a number of classes."""
        channels = [multiple * self.width for multiple in self.multiples]
        return SegmentationDiscriminator(classes, channels=channels, last=self.last * self.width, last_first=last_first)

    def check_size(self, height: int, width: int) -> None:
        """Refuse a size of images that it cannot see.

        Raises:
            ParamsError: if they cannot be halved as often.
        """
        factor = 2 ** len(self.multiples)
        if height % factor or width % factor:
            raise ParamsError(
                f"OASIS' discriminator halves an image of {size_text((height, width))} {len(self.multiples)} times: "
                f"both sides must be multiples of {factor}; set fewer `discriminator.multiples` or the data set's size"
            )


class SegmentationDiscriminator(nn.Module):
    """Give each pixel of an image a logit of being generated (channel 0), and one of each class (channel class + 1).

    Sushko et al., "You Only Need Adversarial Supervision for Semantic Image Synthesis" (ICLR 2021), A.1: a U-Net of
    residual blocks with spectral normalization. It sees the image alone.

    Args:
        classes: number of classes.
        channels: after each halving.
        last: channels after the last doubling.
        last_first: whether the first of the classes' logits is that of the last class.

    Example:
        >>> SegmentationDiscriminator(5, channels=(8, 16), last=4)(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 6, 8, 8])
    """

    def __init__(self, classes: int, *, channels: Sequence[int], last: int, last_first: bool = False) -> None:
        super().__init__()
        self.last_first = last_first
        down = [3, *channels]
        up = [*reversed(channels), last][1:]
        joined = [channels[-1], *(2 * width for width in up[:-1])]
        self.body_up = nn.ModuleList(UpBlock(*each) for each in zip(joined, up, strict=True))
        self.body_down = nn.ModuleList(
            DownBlock(before, after, first=not number) for number, (before, after) in enumerate(pairwise(down))
        )
        self.layer_up_last = nn.Conv2d(last, classes + 1, 1)

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n h w"]:
        """Return the logits."""
        encoded: list[Tensor] = []
        for block in self.body_down:
            x = block(x)
            encoded.append(x)
        x = self.body_up[0](encoded.pop())
        for block in self.body_up[1:]:
            x = block(torch.cat([encoded.pop(), x], dim=1))
        return self.layer_up_last(x)

    def class_axes(self, classes: int) -> dict[str, TensorAxes]:
        """Return the axes of the tensors that give the logits, of which that of generated images is the first."""
        logits = TensorAxes(ClassAxis(classes, lead=1, last_first=self.last_first))
        return {"layer_up_last.weight": logits, "layer_up_last.bias": logits}


class DownBlock(nn.Module):
    """Two convolutions beside a shortcut, then half the size; the first block of all does not activate its input.

    The shortcut is averaged before its 1 x 1 convolution; the release does so in the first block alone, and averages
    after it in the others: the same numbers, for four times the work.
    """

    def __init__(self, channels_in: int, channels_out: int, *, first: bool) -> None:
        super().__init__()
        conv = _convolution(channels_in, channels_out, 3)
        self.conv1 = nn.Sequential(conv) if first else nn.Sequential(nn.LeakyReLU(0.2), conv)
        self.conv2 = nn.Sequential(nn.LeakyReLU(0.2), _convolution(channels_out, channels_out, 3))
        self.learned_shortcut = channels_in != channels_out
        if self.learned_shortcut:
            self.conv_s = _convolution(channels_in, channels_out, 1)

    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o y x"]:
        """Return features of half the size."""
        shortcut = F.avg_pool2d(x, 2)
        change = F.avg_pool2d(self.conv2(self.conv1(x)), 2)
        return change + (self.conv_s(shortcut) if self.learned_shortcut else shortcut)


class UpBlock(nn.Module):
    """Twice the size, then two convolutions, beside a shortcut; its 1 x 1 convolution goes before the doubling."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        double = nn.Upsample(scale_factor=2)
        self.conv1 = nn.Sequential(nn.LeakyReLU(0.2), double, _convolution(channels_in, channels_out, 3))
        self.conv2 = nn.Sequential(nn.LeakyReLU(0.2), _convolution(channels_out, channels_out, 3))
        self.learned_shortcut = channels_in != channels_out
        if self.learned_shortcut:
            self.conv_s = _convolution(channels_in, channels_out, 1)

    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o y x"]:
        """Return features of twice the size."""
        shortcut = self.conv_s(x) if self.learned_shortcut else x
        return self.conv2(self.conv1(x)) + F.interpolate(shortcut, scale_factor=2.0, mode="nearest")


def _convolution(channels_in: int, channels_out: int, kernel: int) -> nn.Conv2d:
    return spectral_norm(nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2))
