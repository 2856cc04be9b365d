"""The network whose features the perceptual loss compares."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from smis.core import weights as published
from smis.core.config import Config
from smis.core.shapes import Image
from smis.nn.trunks import LPIPS_SCALE, LPIPS_SHIFT, Trunk, vgg16, vgg19

Weights = Annotated[tuple[NonNegativeFloat, ...], Field(min_length=1, max_length=5)]


class PerceptualConfig(Config):
    """Which network compares images, and how.

    `vgg19` is the released one; `stlpips_vgg16` comes with a package and needs no download.
    """

    network: Literal["vgg19", "stlpips_vgg16"] = "vgg19"
    slices: Weights = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
    """Weight of each slice; slices after the last are not computed."""
    shrink: PositiveInt = 1
    """Side of the squares of pixels that are averaged first: with 2, a 64 x 64 image is compared at 32 x 32."""

    def build(self) -> "PerceptualNetwork":
        """Build the network with its published weights.

        Raises:
            WeightsError: if they are not on this machine; no other network takes their place.
        """
        tensors = published.read(self.network)
        return perceptual_network(self.network, tensors, weights=self.slices, shrink=self.shrink)


def perceptual_network(
    name: str, tensors: Mapping[str, Tensor], *, weights: tuple[float, ...], shrink: int = 1
) -> "PerceptualNetwork":
    """Build a network by name from the tensors of its published file."""
    if name == "vgg19":
        # as released: images enter in -1..1, not normalized as the network was trained
        trunk = vgg19(slices=len(weights)).load(tensors)
        return PerceptualNetwork(trunk, weights=weights, shrink=shrink)
    trunk = vgg16(shift_tolerant=True, slices=len(weights)).load(tensors)
    return PerceptualNetwork(trunk, weights=weights, shift=LPIPS_SHIFT, scale=LPIPS_SCALE, shrink=shrink)


class PerceptualNetwork(nn.Module):
    """Return the features after each slice of a trunk.

    It holds buffers that are not saved, and no parameter, so that no optimizer and no checkpoint takes them in.

    Args:
        trunk: returns a list of features for an image.
        weights: of each slice in the loss.
        shift: subtracted from each color.
        scale: by which each color is divided afterwards.
        shrink: side of the squares of pixels that are averaged first.

    Example:
        >>> network = PerceptualNetwork(Trunk([nn.Conv2d(3, 4, 1)], taps=(0,)), weights=(1.0,), shrink=2)
        >>> network(torch.zeros(1, 3, 16, 16))[0].shape, list(network.parameters())
        (torch.Size([1, 4, 8, 8]), [])
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        weights: tuple[float, ...],
        shift: tuple[float, ...] = (0.0, 0.0, 0.0),
        scale: tuple[float, ...] = (1.0, 1.0, 1.0),
        shrink: int = 1,
    ) -> None:
        super().__init__()
        self.weights, self.shrink = weights, shrink
        self.trunk = trunk
        for layer in trunk.modules():
            for name, parameter in list(layer.named_parameters(recurse=False)):
                delattr(layer, name)
                layer.register_buffer(name, parameter.detach(), persistent=False)
        self.shift, self.scale = (
            nn.Buffer(torch.tensor(v).view(1, -1, 1, 1), persistent=False) for v in (shift, scale)
        )

    def forward(self, image: Image) -> list[Tensor]:
        """Return the features after each slice."""
        x = F.avg_pool2d(image, self.shrink) if self.shrink > 1 else image
        return self.trunk((x - self.shift) / self.scale)

    @torch.no_grad()
    def target(self, image: Image) -> list[Tensor]:
        """Return the features of a real image, through which no gradient goes."""
        return self(image)
