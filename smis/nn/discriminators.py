"""Patch discriminators at several scales: those of SPADE, pix2pixHD and BicycleGAN."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor, nn

from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.nn.spectral_norm import spectral_norm

DiscriminatorOutputs = list[list[Tensor]]
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

    def forward(self, x: Float[Tensor, "b c h w"]) -> DiscriminatorOutputs:
        """Return the outputs of every layer at every scale."""
        outputs = []
        for scale in range(self.scales):
            if scale:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            outputs.append(self.get_submodule(f"discriminator_{scale}")(x))
        return outputs


class PatchDiscriminator(nn.Module):
    """Judge patches of one scale; the first and the last convolution are not normalized."""

    def __init__(self, channels: int, *, width: int, layers: int) -> None:
        super().__init__()
        self.layers = layers
        self.model0 = nn.Sequential(nn.Conv2d(channels, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2))
        for layer in range(1, layers):
            before, width = width, min(2 * width, 512)
            stride = 1 if layer == layers - 1 else 2
            conv = spectral_norm(nn.Conv2d(before, width, 4, stride=stride, padding=2, bias=False))
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


def discriminate(
    discriminator: nn.Module, label_channels: Float[Tensor, "b k h w"], *, fake: Tensor, real: Tensor
) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
    """Judge generated and real images in one pass, so that spectral normalization advances once, as released."""
    pairs = torch.cat([torch.cat([label_channels, fake], dim=1), torch.cat([label_channels, real], dim=1)])
    outputs = discriminator(pairs)
    count = len(fake)
    return (
        [[output[:count] for output in scale] for scale in outputs],
        [[output[count:] for output in scale] for scale in outputs],
    )


def discriminate_for_generator(
    discriminator: nn.Module, label_channels: Float[Tensor, "b k h w"], *, fake: Tensor, real: Tensor
) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
    """Judge like `judge`, without the way back through the real images, which nobody learns from.

    The second pass is in evaluation mode: spectral normalization stands where the first pass left it, and nothing else
    knows the mode, so the numbers are those of one pass.
    """
    on_fake = discriminator(torch.cat([label_channels, fake], dim=1))
    training = discriminator.training
    try:
        with torch.no_grad():
            return on_fake, discriminator.eval()(torch.cat([label_channels, real], dim=1))
    finally:
        discriminator.train(training)


class Pix2PixHDDiscriminator(nn.Module):
    """Judge label map and image together, at full size, at half, and so on.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.2.
    Nothing is spectrally normalized, and the names count scales from the smallest. `layers` counts the convolutions
    before the one that judges, as everywhere here; the release counts one less.
    """

    def __init__(self, channels: int, *, width: int = 64, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        self.scales, self.layers = scales, layers
        for scale in range(scales):
            for number, layer in enumerate(_layers(channels, width=width, layers=layers)):
                self.add_module(f"scale{scale}_layer{number}", layer)

    def forward(self, x: Float[Tensor, "b c h w"]) -> DiscriminatorOutputs:
        """Return the outputs of every layer at every scale, the full size first."""
        outputs = []
        for scale in reversed(range(self.scales)):
            if outputs:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            outputs.append(self._judged(x, scale))
        return outputs

    def _judged(self, x: Float[Tensor, "b c h w"], scale: int) -> list[Tensor]:
        outputs = []
        for layer in range(self.layers + 1):
            x = self.get_submodule(f"scale{scale}_layer{layer}")(x)
            outputs.append(x)
        return outputs


def _layers(channels: int, *, width: int, layers: int) -> list[nn.Module]:
    found: list[nn.Module] = [nn.Sequential(nn.Conv2d(channels, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2))]
    for layer in range(1, layers):
        before, width = width, min(2 * width, 512)
        conv = nn.Conv2d(before, width, 4, stride=1 if layer == layers - 1 else 2, padding=2)
        found.append(nn.Sequential(conv, nn.InstanceNorm2d(width), nn.LeakyReLU(0.2)))
    return [*found, nn.Sequential(nn.Conv2d(width, 1, 4, padding=2))]


class BicycleGANDiscriminator(nn.Module):
    """Judge patches at full size, at half by a network of half the width, and so on.

    Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (CVPR 2017), 3.2.2, at several
    scales as Zhu et al., "Toward Multimodal Image-to-Image Translation" (NIPS 2017) have it. `layers` counts the
    convolutions before the one that judges, as everywhere here; the release counts one less.
    """

    def __init__(self, channels: int, *, width: int = 64, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        self.names = [f"model_{scale}" for scale in range(scales)]
        for scale, name in enumerate(self.names):
            self.add_module(name, _patches(channels, width=round(width / 2**scale), layers=layers))

    def forward(self, x: Float[Tensor, "b c h w"]) -> DiscriminatorOutputs:
        """Return one output for each scale, its outputs."""
        outputs = []
        for scale, name in enumerate(self.names):
            if scale:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            outputs.append([self.get_submodule(name)(x)])
        return outputs


def bicyclegan_discriminator(
    config: DiscriminatorConfig, *, channels: int, height: int, width: int
) -> BicycleGANDiscriminator:
    """Build the discriminators of a number of input channels.

    Raises:
        ParamsError: if images are too small for a verdict at the smallest scale.
    """
    least = 3 * 2 ** (config.layers - 1 + config.scales - 1)
    if min(height, width) < least:
        raise ParamsError(
            f"an image of {height} x {width} is too small for discriminators of {config.layers} layers at "
            f"{config.scales} scales: both sides must be at least {least}; set the system's `discriminator.layers`"
        )
    return BicycleGANDiscriminator(channels, width=config.width, layers=config.layers, scales=config.scales)


def _patches(channels: int, *, width: int, layers: int) -> nn.Sequential:
    found: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    before = width
    for layer in range(1, layers):
        after = width * min(2**layer, 8)
        conv = nn.Conv2d(before, after, 4, stride=1 if layer == layers - 1 else 2, padding=1)
        found += [conv, nn.InstanceNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
        before = after
    return nn.Sequential(*found, nn.Conv2d(before, 1, 4, padding=1))
