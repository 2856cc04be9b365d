"""The discriminators of patches at several scales that the SPADE family trains against."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor, nn

from smis.core.config import Config
from smis.nn.spectral import spectral

Verdicts = list[list[Tensor]]
"""For each scale, the outputs of every layer; the last is the verdict on each patch."""


class DiscriminatorConfig(Config):
    """Size of the discriminators; the defaults are those of every release."""

    width: PositiveInt = 64
    layers: PositiveInt = 4
    scales: PositiveInt = 2

    def build(self, *, channels: int) -> "MultiscaleDiscriminator":
        """Build them for a number of input channels: label map and image."""
        return MultiscaleDiscriminator(channels=channels, width=self.width, layers=self.layers, scales=self.scales)


class MultiscaleDiscriminator(nn.Module):
    """Judge label map and image together, at full size, at half, and so on.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.2,
    with the spectral normalization of Park et al. (CVPR 2019).
    """

    def __init__(self, *, channels: int, width: int = 64, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        self.scales = scales
        for scale in range(scales):
            self.add_module(f"discriminator_{scale}", PatchDiscriminator(channels, width=width, layers=layers))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Verdicts:
        """Return the outputs of every layer at every scale."""
        verdicts = []
        for scale in range(self.scales):
            if scale:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            verdicts.append(self.get_submodule(f"discriminator_{scale}")(x))
        return verdicts


class PatchDiscriminator(nn.Module):
    """Judge patches of one scale; the first and the last convolution are not normalized."""

    def __init__(self, channels: int, *, width: int, layers: int) -> None:
        super().__init__()
        self.layers = layers
        self.model0 = nn.Sequential(nn.Conv2d(channels, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2))
        for layer in range(1, layers):
            before, width = width, min(2 * width, 512)
            stride = 1 if layer == layers - 1 else 2
            conv = spectral(nn.Conv2d(before, width, 4, stride=stride, padding=2, bias=False))
            middle = nn.Sequential(conv, nn.InstanceNorm2d(width))
            self.add_module(f"model{layer}", nn.Sequential(middle, nn.LeakyReLU(0.2)))
        self.add_module(f"model{layers}", nn.Sequential(nn.Conv2d(width, 1, 4, padding=2)))

    def forward(self, x: Float[Tensor, "b c h w"]) -> list[Tensor]:
        """Return the output of every layer."""
        outputs = []
        for layer in range(self.layers + 1):
            x = self.get_submodule(f"model{layer}")(x)
            outputs.append(x)
        return outputs


def judge(
    discriminator: nn.Module, semantics: Float[Tensor, "b k h w"], *, fake: Tensor, real: Tensor
) -> tuple[Verdicts, Verdicts]:
    """Judge generated and real images in one pass, so that spectral normalization advances once, as released."""
    pairs = torch.cat([torch.cat([semantics, fake], dim=1), torch.cat([semantics, real], dim=1)])
    verdicts = discriminator(pairs)
    count = len(fake)
    return (
        [[output[:count] for output in scale] for scale in verdicts],
        [[output[count:] for output in scale] for scale in verdicts],
    )


def judge_for_generator(
    discriminator: nn.Module, semantics: Float[Tensor, "b k h w"], *, fake: Tensor, real: Tensor
) -> tuple[Verdicts, Verdicts]:
    """Judge like `judge`, without the way back through the real images, which nobody learns from.

    The second pass is in evaluation mode: spectral normalization stands where the first pass left it, and nothing else
    knows the mode, so the numbers are those of one pass.
    """
    on_fake = discriminator(torch.cat([semantics, fake], dim=1))
    training = discriminator.training
    try:
        with torch.no_grad():
            return on_fake, discriminator.eval()(torch.cat([semantics, real], dim=1))
    finally:
        discriminator.train(training)
