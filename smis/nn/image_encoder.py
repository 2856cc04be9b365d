"""Encoders of a whole image as a Gaussian latent: those of VSPADE and of BicycleGAN."""

from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.core.errors import ParamsError
from smis.core.seeding import Noise
from smis.core.shapes import Image, size_text
from smis.nn.spectral_norm import spectral_norm


def reparameterize(
    mean: Float[Tensor, "b *code"], log_variance: Float[Tensor, "b *code"], noise: Noise | None
) -> Float[Tensor, "b *code"]:
    """Sample a code that gradients pass through, mean + exp(log_variance / 2) * noise; without noise, return the mean.

    Kingma and Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), Eq. 10.

    Example:
        >>> import torch
        >>> from smis.core.seeding import generator
        >>> mean, log_variance = torch.zeros(10_000, 1), torch.full((10_000, 1), 4.0).log()
        >>> round(reparameterize(mean, log_variance, Noise(generator(0))).std().item(), 1)
        2.0
        >>> reparameterize(mean, log_variance, None) is mean
        True
    """
    if noise is None:
        return mean
    return mean + noise.normal(*mean.shape, device=mean.device) * (0.5 * log_variance).exp()


_LAST = 4
"""Side of the map that the linear heads read."""


class ImageEncoder(nn.Module):
    """Encode an image as mean and log-variance of a global latent.

    Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019), Figure 14. Images are
    resized to a square of side `size`, 4 times a power of 2; strided layers halve it down to 4 (256: six layers, as
    released).

    Example:
        >>> import torch
        >>> mean, log_variance = ImageEncoder(width=4, latent=5, size=16)(torch.zeros(2, 3, 32, 24))
        >>> mean.shape, log_variance.shape
        (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    def __init__(self, *, width: int = 64, latent: int = 256, size: int = 256) -> None:
        super().__init__()
        self.size, self.layers = size, _layers(size)
        channels = 3
        for layer in range(self.layers):
            before, channels = channels, width * min(2**layer, 8)
            conv = spectral_norm(nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False))
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


class ResidualEncoder(nn.Module):
    """Encode an image as mean and log-variance of a short latent.

    Zhu et al., "Toward Multimodal Image-to-Image Translation" (NIPS 2017), 4. The mean over all places stands for the
    released average of 8 x 8, which is the same at 256 x 256 and serves no other size.

    Example:
        >>> import torch
        >>> mean, log_variance = ResidualEncoder(code=5, width=4, blocks=2)(torch.zeros(2, 3, 16, 24))
        >>> mean.shape, log_variance.shape
        (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    def __init__(self, *, code: int = 8, width: int = 64, blocks: int = 4) -> None:
        super().__init__()
        widths = [width * min(multiple, 4) for multiple in range(1, blocks + 2)]
        self.conv = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            *(DownsamplingBlock(before, after) for before, after in pairwise(widths)),
        )
        self.fc = nn.Sequential(nn.Linear(widths[-1], code))
        self.fcVar = nn.Sequential(nn.Linear(widths[-1], code))

    def forward(self, image: Image) -> tuple[Float[Tensor, "b z"], Float[Tensor, "b z"]]:
        """Return mean and log-variance."""
        x = F.leaky_relu(self.conv(image), 0.2).mean(dim=(2, 3))
        return self.fc(x), self.fcVar(x)


class DownsamplingBlock(nn.Module):
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
    """Check that more than one position is left to normalize over in the last block of a `ResidualEncoder`.

    Raises:
        ParamsError: if not.
    """
    least = 2 ** (blocks + 1)
    if min(height, width) < least:
        raise ParamsError(
            f"an image of {size_text((height, width))} is too small for an encoder of {blocks} blocks: both sides must "
            f"be at least {least}; set the system's `encoder_blocks` or the data set's size"
        )
