"""Fixed networks whose features say how alike two images look."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from smis.core import weights as published
from smis.core.config import Config
from smis.core.shapes import Image

Slices = tuple[tuple[str, ...], ...]
"""For each slice its steps: `pool`, or the key of a convolution that an activation follows."""

VGG19: Slices = (
    ("features.0",),
    ("features.2", "pool", "features.5"),
    ("features.7", "pool", "features.10"),
    ("features.12", "features.14", "features.16", "pool", "features.19"),
    ("features.21", "features.23", "features.25", "pool", "features.28"),
)
STLPIPS_VGG16: Slices = (
    ("net.slice1.0", "net.slice1.2"),
    ("pool", "net.slice2.6", "net.slice2.8"),
    ("pool", "net.slice3.12", "net.slice3.14", "net.slice3.16"),
    ("pool", "net.slice4.20", "net.slice4.22", "net.slice4.24"),
    ("pool", "net.slice5.28", "net.slice5.30", "net.slice5.32"),
)
_UNSCALED = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
_STLPIPS_SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)

Weights = Annotated[tuple[NonNegativeFloat, ...], Field(min_length=1, max_length=5)]


class PerceptualConfig(Config):
    """Which network, and how it looks.

    `vgg19` is the released one; `stlpips_vgg16` lies in a package and needs no download.
    """

    network: Literal["vgg19", "stlpips_vgg16"] = "vgg19"
    slices: Weights = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
    """How much each slice counts; slices after the last are not computed."""
    shrink: PositiveInt = 1
    """Average squares of so many pixels before looking: 2 looks at a 64 x 64 image at 32 x 32."""

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
        # released: images go in as -1..1, not as the network was trained
        return PerceptualNetwork(VGG19, tensors, weights=weights, blurred=False, scale=_UNSCALED, shrink=shrink)
    return PerceptualNetwork(STLPIPS_VGG16, tensors, weights=weights, blurred=True, scale=_STLPIPS_SCALE, shrink=shrink)


class PerceptualNetwork(nn.Module):
    """Return the features after each slice of a VGG.

    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (ICLR 2015).
    It holds buffers that are not saved, and no parameter: nothing in it can be trained by mistake.
    """

    def __init__(
        self,
        slices: Slices,
        tensors: Mapping[str, Tensor],
        *,
        weights: tuple[float, ...],
        blurred: bool,
        scale: tuple[tuple[float, ...], tuple[float, ...]],
        shrink: int = 1,
    ) -> None:
        super().__init__()
        self.weights, self.shrink = weights, shrink
        make_pool = BlurredMaxPool if blurred else lambda: nn.MaxPool2d(2)
        self.slices = nn.ModuleList(
            nn.Sequential(*(make_pool() if key == "pool" else FrozenConv(tensors, key) for key in keys))
            for keys in slices[: len(weights)]
        )
        self.shift, self.scale = (nn.Buffer(torch.tensor(v).view(1, -1, 1, 1), persistent=False) for v in scale)

    def forward(self, image: Image) -> list[Tensor]:
        """Return the features after each slice."""
        x = F.avg_pool2d(image, self.shrink) if self.shrink > 1 else image
        x = (x - self.shift) / self.scale
        features = []
        for piece in self.slices:
            x = piece(x)
            features.append(x)
        return features

    @torch.no_grad()
    def target(self, image: Image) -> list[Tensor]:
        """Return the features of an image that is given, not made: no gradient goes through them."""
        return self(image)


class FrozenConv(nn.Module):
    """A 3 x 3 convolution and its activation, with weights that are given."""

    def __init__(self, tensors: Mapping[str, Tensor], key: str) -> None:
        super().__init__()
        # several times as fast on a CPU behind activations of the same order
        weight = tensors[f"{key}.weight"].float().contiguous(memory_format=torch.channels_last)
        self.weight = nn.Buffer(weight, persistent=False)
        self.bias = nn.Buffer(tensors[f"{key}.bias"].float(), persistent=False)

    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o h w"]:
        """Return what is positive of the convolution."""
        return F.relu(F.conv2d(x, self.weight, self.bias, padding=1))


class BlurredMaxPool(nn.Module):
    """Take the maximum at every place, then smooth and keep every second one.

    Zhang, "Making Convolutional Networks Shift-Invariant Again" (ICML 2019), with the wide reflected border of
    Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric" (ECCV 2022).
    """

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.kernel = nn.Buffer((line[:, None] * line).view(1, 1, 3, 3), persistent=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c y x"]:
        """Halve the size, rounded down, plus one."""
        dense = F.pad(F.max_pool2d(x, 2, stride=1), (2, 2, 2, 2), mode="reflect")
        return F.conv2d(dense, self.kernel.expand(x.shape[1], -1, -1, -1), stride=2, groups=x.shape[1])
