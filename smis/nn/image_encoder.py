"""The image encoder of SPADE's variational form, one code for the whole image."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.core.errors import ParamsError
from smis.core.shapes import Image
from smis.nn.spectral import spectral

_LAST = 4
"""Side of the map that the linear heads read."""


class ImageEncoder(nn.Module):
    """Encode an image as mean and log-variance of a global code.

    Park et al. (CVPR 2019), Figure 14. `size` is the side that images are resized to: as many strided layers as lead
    from it to 4 (256: six, as released). At the released size nothing is resized.
    """

    def __init__(self, *, width: int = 64, latent: int = 256, size: int = 256) -> None:
        super().__init__()
        self.size, self.layers = size, _layers(size)
        channels = 3
        for layer in range(self.layers):
            before, channels = channels, width * min(2**layer, 8)
            conv = spectral(nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False))
            self.add_module(f"layer{layer + 1}", nn.Sequential(conv, nn.InstanceNorm2d(channels)))
        self.fc_mu = nn.Linear(channels * _LAST * _LAST, latent)
        self.fc_var = nn.Linear(channels * _LAST * _LAST, latent)

    def forward(self, image: Image) -> tuple[Float[Tensor, "b z"], Float[Tensor, "b z"]]:
        """Return mean and log-variance."""
        x = image
        if x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", align_corners=False)
        for layer in range(self.layers):
            x = F.leaky_relu(self.get_submodule(f"layer{layer + 1}")(x), 0.2)
        x = x.flatten(1)
        return self.fc_mu(x), self.fc_var(x)


def _layers(size: int) -> int:
    layers = (size // _LAST).bit_length() - 1
    if layers < 1 or _LAST * 2**layers != size:
        raise ParamsError(f"the encoder's size is {size}; it must be 8, 16, 32, 64, 128, 256 or 512")
    return layers
