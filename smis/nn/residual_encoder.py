"""BicycleGAN's encoder of images."""

from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.core.errors import ParamsError
from smis.core.shapes import Image


class ResidualEncoder(nn.Module):
    """Encode an image as mean and log-variance of a short code.

    Zhu et al., "Toward Multimodal Image-to-Image Translation" (NIPS 2017), 4. The mean over all places stands for the
    released average of 8 x 8, which is the same at 256 x 256 and serves no other size.
    """

    def __init__(self, *, code: int = 8, width: int = 64, blocks: int = 4) -> None:
        super().__init__()
        widths = [width * min(multiple, 4) for multiple in range(1, blocks + 2)]
        self.conv = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            *(HalvingBlock(before, after) for before, after in pairwise(widths)),
        )
        self.fc = nn.Sequential(nn.Linear(widths[-1], code))
        self.fcVar = nn.Sequential(nn.Linear(widths[-1], code))

    def forward(self, image: Image) -> tuple[Float[Tensor, "b z"], Float[Tensor, "b z"]]:
        """Return mean and log-variance."""
        x = F.leaky_relu(self.conv(image), 0.2).mean(dim=(2, 3))
        return self.fc(x), self.fcVar(x)


class HalvingBlock(nn.Module):
    """Two convolutions behind normalization and activation beside a shortcut; averages of 2 x 2 halve both."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.InstanceNorm2d(channels_in),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(channels_in, channels_in, 3, padding=1),
            nn.InstanceNorm2d(channels_in),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Sequential(nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.AvgPool2d(2)),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels_in, channels_out, 1))

    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o y x"]:
        """Return features of half the size."""
        return self.conv(x) + self.shortcut(x)


def check_encodable(height: int, width: int, *, blocks: int) -> None:
    """Check that something is left to normalize before the last block.

    Raises:
        ParamsError: if not.
    """
    least = 2 ** (blocks + 1)
    if min(height, width) < least:
        raise ParamsError(
            f"an image of {height} x {width} is too small for an encoder of {blocks} blocks: both sides must be at "
            f"least {least}; set the system's `encoder_blocks` or the data set's size"
        )
