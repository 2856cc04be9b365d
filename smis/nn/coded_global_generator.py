"""The generator of pix2pixHD with a code in its middle."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smis.core.seeding import Noise
from smis.core.shapes import Image
from smis.nn.global_generator import ResidualBlock, doubled, halved, instance_norm, painted


class CodedGlobalGenerator(nn.Module):
    """Turn a label map and a code into an image: the code stands at every place of the smallest map.

    Yang et al., "Diversity-Sensitive Conditional Generative Adversarial Networks" (ICLR 2019), 5.1, on the generator of
    Wang et al. (CVPR 2018). One convolution fuses map and code in the place of the first residual block. That it is
    3 x 3, normalized and activated like the others is our reading. Both sides are multiples of 2**downsamplings.
    """

    def __init__(
        self, channels: int, *, code: int = 64, width: int = 32, downsamplings: int = 4, blocks: int = 8
    ) -> None:
        super().__init__()
        middle = width * 2**downsamplings
        self.down = nn.Sequential(*halved(channels, width=width, times=downsamplings, normalize=instance_norm))
        fuse = instance_norm(nn.Conv2d(middle + code, middle, 3))
        self.fuse = nn.Sequential(nn.ReflectionPad2d(1), *fuse, nn.ReLU(inplace=True))
        self.model = nn.Sequential(
            *(ResidualBlock(middle, normalize=instance_norm) for _ in range(blocks)),
            *doubled(middle, times=downsamplings, normalize=instance_norm),
            *painted(width, channels=3),
        )

    def forward(self, known: Float[Tensor, "b k h w"], code: Float[Tensor, "b z"], noise: Noise | None = None) -> Image:
        """Make the images; nothing is dropped here, whatever the `noise`."""
        features = self.down(known)
        tiled = code[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return self.model(self.fuse(torch.cat([features, tiled], dim=1)))
