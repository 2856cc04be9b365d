"""The generator of pix2pixHD for large images: a global generator at half the size, and layers about it."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.core.shapes import Image
from smis.nn.global_generator import GlobalGenerator, ResidualBlock, doubled, halved, instance_norm, painted


class LocalEnhancer(nn.Module):
    """Add the features of the whole label map to those that a global generator makes of the halved one.

    Wang et al. (CVPR 2018), 3.2: {G1, G2}. G1 is twice as wide as this and paints nothing itself. Both sides are
    multiples of 2**(downsamplings + 1).
    """

    def __init__(
        self, channels: int, *, width: int = 32, downsamplings: int = 3, blocks: int = 9, local_blocks: int = 3
    ) -> None:
        super().__init__()
        inner = GlobalGenerator(channels, width=2 * width, downsamplings=downsamplings, blocks=blocks)
        self.model = inner.model[: -len(painted(width, channels=3))]
        self.model1_1 = nn.Sequential(*halved(channels, width=width, times=1, normalize=instance_norm))
        self.model1_2 = nn.Sequential(
            *(ResidualBlock(2 * width, normalize=instance_norm) for _ in range(local_blocks)),
            *doubled(2 * width, times=1, normalize=instance_norm),
            *painted(width, channels=3),
        )

    def forward(self, known: Float[Tensor, "b k h w"]) -> Image:
        """Make the images."""
        small = F.avg_pool2d(known, 3, stride=2, padding=1, count_include_pad=False)
        return self.model1_2(self.model1_1(known) + self.model(small))
