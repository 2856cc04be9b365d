"""The generator of OASIS: SPADE's blocks, whose normalization reads noise beside the label map."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.core.errors import ParamsError
from smis.core.shapes import Image
from smis.nn.batch_norm import BatchNorm
from smis.nn.class_axes import ClassAxis, TensorAxes
from smis.nn.label_maps import NormCondition
from smis.nn.noise_maps import NoisePyramid
from smis.nn.spade_generator import SpadeResidualBlock, start_size
from smis.nn.spade_norm import LabelModulation

Normalization = Literal["batch", "instance"]


class OasisNorm(LabelModulation):
    """Normalize the features, then scale and shift each position by the label map and the noise there.

    `SpadeNorm` under the names of OASIS' release (Sushko et al., ICLR 2021, 3.4), with any odd kernel. Noise is the
    same all over a region, so a region's channels are one symbol: the noise enters the first convolution once for each
    region and not at every position, and neighborhoods are looked up as in `SpadeNorm`.

    Example:
        >>> import torch
        >>> from smis.nn.noise_maps import RegionLayout
        >>> labels = torch.randint(3, (1, 8, 8))
        >>> layout = NoisePyramid(RegionLayout(labels, labels, classes=3), torch.randn(2, 3, 5))
        >>> layer = OasisNorm(4, label_channels=5 + 3, hidden=6)
        >>> layer(torch.rand(2, 4, 8, 8), layout.at(8, 8)).shape
        torch.Size([2, 4, 8, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        label_channels: int,
        hidden: int = 128,
        kernel: int = 3,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        self.first_norm = BatchNorm(channels) if normalization == "batch" else nn.InstanceNorm2d(channels)
        self.add_convolutions(channels, label_channels=label_channels, hidden=hidden, kernel=kernel)

    def forward(self, x: Float[Tensor, "b c h w"], condition: NormCondition) -> Float[Tensor, "b c h w"]:
        """Scale by 1 + gamma and shift by beta; `condition` is that at the size of `x`."""
        scale, shift = self.modulation(condition)
        return torch.addcmul(shift, self.first_norm(x), scale)


class OasisGenerator(nn.Module):
    """Turn noise and label map into an image through blocks whose normalization reads both.

    Sushko et al., "You Only Need Adversarial Supervision for Semantic Image Synthesis" (ICLR 2021), A.1. The start map
    is a convolution of the map at its size; the size is doubled between blocks.

    Args:
        label_channels: of noise and classes together.
        channels: of the start map, then after each block.
        upsamplings: doublings from the start map to the image, one less than there are blocks.
        hidden: channels inside a normalization layer.
        kernel: of the normalization layers' convolutions.
        normalization: of the features in a normalization layer.
        last_first: whether the first channel of the classes is that of the last class.

    Raises:
        ParamsError: if `channels` has not two numbers more than there are doublings.

    Example:
        >>> import torch
        >>> from smis.nn.noise_maps import RegionLayout
        >>> labels = torch.zeros(1, 16, 24, dtype=torch.long)
        >>> layout = NoisePyramid(RegionLayout(labels, labels, classes=4), torch.randn(2, 1, 5))
        >>> network = OasisGenerator(label_channels=5 + 4, channels=(16, 16, 8, 4, 2), upsamplings=3, hidden=6)
        >>> network(layout).shape
        torch.Size([2, 3, 16, 24])
    """

    def __init__(
        self,
        *,
        label_channels: int,
        channels: Sequence[int],
        upsamplings: int,
        hidden: int = 128,
        kernel: int = 3,
        normalization: Normalization = "batch",
        last_first: bool = False,
    ) -> None:
        super().__init__()
        if len(channels) != upsamplings + 2:
            raise ParamsError(
                f"`multiples` gives {len(channels)} stages; {upsamplings} upsamplings have {upsamplings + 2}"
            )

        def make_norm(width: int) -> nn.Module:
            return OasisNorm(
                width, label_channels=label_channels, hidden=hidden, kernel=kernel, normalization=normalization
            )

        self.upsamplings, self.last_first = upsamplings, last_first
        self.conv_img = nn.Conv2d(channels[-1], 3, 3, padding=1)
        self.body = nn.ModuleList(
            SpadeResidualBlock(before, after, make_norm=make_norm) for before, after in pairwise(channels)
        )
        self.fc = nn.Conv2d(label_channels, channels[0], 3, padding=1)

    def forward(self, layout: NoisePyramid) -> Image:
        """Make the image of each noise."""
        x = self.fc(layout.at(*start_size(*layout.size, upsamplings=self.upsamplings)).maps())
        for number, block in enumerate(self.body):
            if number:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(x, layout.at(x.shape[-2], x.shape[-1]))
        return self.conv_img(F.leaky_relu(x, 0.2)).tanh()

    def class_axes(self, classes: int) -> dict[str, TensorAxes]:
        """Return the axes of the tensors that read classes, whose channels stand after those of the noise."""
        channels = ClassAxis(classes, lead=self.fc.in_channels - classes, last_first=self.last_first)
        readers = ["fc.weight", *(name for name, _ in self.named_parameters() if name.endswith("mlp_shared.0.weight"))]
        return {name: TensorAxes(None, channels) for name in readers}
