"""Patch discriminators at several scales: those of SPADE, pix2pixHD and BicycleGAN."""

from collections.abc import Callable, Iterable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor, nn

from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.nn.pix2pixhd_generator import instance_norm, spectral_instance_norm

DiscriminatorOutputs = list[list[Tensor]]
"""For each scale, the outputs of every layer; the last is the verdict on each patch."""


class DiscriminatorConfig(Config):
    """Size of the discriminators; the defaults are those of every release."""

    width: PositiveInt = 64
    layers: PositiveInt = 4
    scales: PositiveInt = 2

    def build(self, kind: Callable[..., nn.Module] | None = None, *, channels: int) -> nn.Module:
        """Build them for a number of input channels, label map and image; those of SPADE, or of another kind."""
        return (kind or MultiscaleDiscriminator)(channels, **self.model_dump())


class MultiscaleDiscriminator(nn.Module):
    """Judge label map and image together, at full size, at half, and so on.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.2,
    with the spectral normalization of Park et al. (CVPR 2019).
    """

    def __init__(self, channels: int, *, width: int = 64, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        self.scales = scales
        for scale in range(scales):
            self.add_module(f"discriminator_{scale}", PatchDiscriminator(channels, width=width, layers=layers))

    def forward(self, x: Float[Tensor, "b c h w"]) -> DiscriminatorOutputs:
        """Return the outputs of every layer at every scale."""
        images = image_pyramid(x, self.scales)
        return [self.get_submodule(f"discriminator_{scale}")(image) for scale, image in enumerate(images)]


class PatchDiscriminator(nn.Module):
    """Judge patches of one scale; the first and the last convolution are not normalized."""

    def __init__(self, channels: int, *, width: int, layers: int) -> None:
        super().__init__()
        for number, layer in enumerate(_layers(channels, width=width, layers=layers, spectral=True)):
            self.add_module(f"model{number}", layer)

    def forward(self, x: Float[Tensor, "b c h w"]) -> list[Tensor]:
        """Return the output of every layer."""
        return _outputs(self.children(), x)


def discriminate(
    discriminator: nn.Module, label_channels: Float[Tensor, "b k h w"], *, fake: Tensor, real: Tensor
) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
    """Judge generated and real images in one pass, so that spectral normalization advances once, as released."""
    known = label_channels
    return judge(discriminator, fake=torch.cat([known, fake], dim=1), real=torch.cat([known, real], dim=1))


def judge(discriminator: nn.Module, *, fake: Tensor, real: Tensor) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
    """Judge generated and real inputs in one pass."""
    outputs, count = discriminator(torch.cat([fake, real])), len(fake)
    return (
        [[output[:count] for output in scale] for scale in outputs],
        [[output[count:] for output in scale] for scale in outputs],
    )


def discriminate_for_generator(
    discriminator: nn.Module, label_channels: Float[Tensor, "b k h w"], *, fake: Tensor, real: Tensor
) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
    """Judge like `discriminate`, without the way back through the real images, which nobody learns from.

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
            for number, layer in enumerate(_layers(channels, width=width, layers=layers, spectral=False)):
                self.add_module(f"scale{scale}_layer{number}", layer)

    def forward(self, x: Float[Tensor, "b c h w"]) -> DiscriminatorOutputs:
        """Return the outputs of every layer at every scale, the full size first."""
        names = [[f"scale{scale}_layer{layer}" for layer in range(self.layers + 1)] for scale in range(self.scales)]
        images = image_pyramid(x, self.scales)
        return [
            _outputs(map(self.get_submodule, own), image) for own, image in zip(reversed(names), images, strict=True)
        ]


def _layers(channels: int, *, width: int, layers: int, spectral: bool) -> list[nn.Module]:
    """Make the layers of one scale; `spectral` are those of SPADE, without biases in the middle."""
    normalize = spectral_instance_norm if spectral else instance_norm
    found: list[nn.Module] = [nn.Sequential(nn.Conv2d(channels, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2))]
    for layer in range(1, layers):
        before, width = width, min(2 * width, 512)
        stride = 1 if layer == layers - 1 else 2
        conv = nn.Conv2d(before, width, 4, stride=stride, padding=2, bias=not spectral)
        found.append(nn.Sequential(*normalize(conv), nn.LeakyReLU(0.2)))
    return [*found, nn.Sequential(nn.Conv2d(width, 1, 4, padding=2))]


def _outputs(layers: Iterable[nn.Module], x: Float[Tensor, "b c h w"]) -> list[Tensor]:
    outputs = []
    for layer in layers:
        x = layer(x)
        outputs.append(x)
    return outputs


def image_pyramid(x: Float[Tensor, "b c h w"], scales: int) -> Iterator[Tensor]:
    """Yield the image at full size, at half, and so on."""
    for scale in range(scales):
        if scale:
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        yield x


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
        images = image_pyramid(x, len(self.names))
        return [[self.get_submodule(name)(image)] for name, image in zip(self.names, images, strict=True)]


def bicyclegan_discriminator(config: DiscriminatorConfig, *, channels: int, height: int, width: int) -> nn.Module:
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
    return config.build(BicycleGANDiscriminator, channels=channels)


def _patches(channels: int, *, width: int, layers: int) -> nn.Sequential:
    found: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    before = width
    for layer in range(1, layers):
        after = width * min(2**layer, 8)
        conv = nn.Conv2d(before, after, 4, stride=1 if layer == layers - 1 else 2, padding=1)
        found += [conv, nn.InstanceNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
        before = after
    return nn.Sequential(*found, nn.Conv2d(before, 1, 4, padding=1))
