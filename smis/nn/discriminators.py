"""Patch discriminators at several scales: those of SPADE, pix2pixHD and BicycleGAN."""

from collections.abc import Callable, Iterable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor, nn

from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.core.shapes import size_text
from smis.nn.pix2pixhd_generator import instance_norm, spectral_instance_norm

DiscriminatorOutputs = list[list[Tensor]]
"""For each scale, the outputs of every layer, (b, c, h, w) each; the last, with one channel, scores each patch."""


class DiscriminatorConfig(Config):
    """Size of the discriminators; the defaults are those of every release.

    Example:
        >>> discriminator = DiscriminatorConfig(width=4, layers=3, scales=2).build(channels=3 + 5)
        >>> len(discriminator(torch.zeros(1, 8, 16, 16)))
        2
    """

    width: PositiveInt = 64
    layers: PositiveInt = 4
    scales: PositiveInt = 2

    def build(self, kind: Callable[..., nn.Module] | None = None, *, channels: int) -> nn.Module:
        """Build them for the channels of label map and image together: those of SPADE, or of another `kind`."""
        return (kind or MultiscaleDiscriminator)(channels, **self.model_dump())


class MultiscaleDiscriminator(nn.Module):
    """Score patches of label map and image together, at full size, at half, and so on.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.2,
    with the spectral normalization of Park et al. (CVPR 2019).

    Args:
        channels: of label map and image together.
        width: channels after the first convolution; each following one doubles them, up to 512.
        layers: convolutions before the one that scores.
        scales: number of sizes.
        halving: whether the last of them halves the size like the others, as SEAN's; SPADE's keeps it.

    Example:
        >>> outputs = MultiscaleDiscriminator(8, width=4, layers=2)(torch.zeros(1, 8, 16, 16))
        >>> [[tuple(x.shape[1:]) for x in scale] for scale in outputs]
        [[(4, 9, 9), (8, 10, 10), (1, 11, 11)], [(4, 5, 5), (8, 6, 6), (1, 7, 7)]]
    """

    def __init__(
        self, channels: int, *, width: int = 64, layers: int = 4, scales: int = 2, halving: bool = False
    ) -> None:
        super().__init__()
        self.scales = scales
        for scale in range(scales):
            patches = PatchDiscriminator(channels, width=width, layers=layers, halving=halving)
            self.add_module(f"discriminator_{scale}", patches)

    def forward(self, x: Float[Tensor, "b c h w"]) -> DiscriminatorOutputs:
        """Return the outputs of every layer at every scale."""
        images = image_pyramid(x, self.scales)
        return [self.get_submodule(f"discriminator_{scale}")(image) for scale, image in enumerate(images)]


class PatchDiscriminator(nn.Module):
    """Score patches at one scale; the first and the last convolution are not normalized."""

    def __init__(self, channels: int, *, width: int, layers: int, halving: bool = False) -> None:
        super().__init__()
        for number, layer in enumerate(_layers(channels, width=width, layers=layers, spectral=True, halving=halving)):
            self.add_module(f"model{number}", layer)

    def forward(self, x: Float[Tensor, "b c h w"]) -> list[Tensor]:
        """Return the output of every layer."""
        return _outputs(self.children(), x)


def discriminate(
    discriminator: nn.Module, label_channels: Float[Tensor, "b k h w"], *, fake: Tensor, real: Tensor
) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
    """Score generated and real images in one pass, so that spectral normalization advances once, as released.

    Returns:
        The outputs on the generated images, then those on the real ones.

    Example:
        >>> discriminator = MultiscaleDiscriminator(8, width=4, layers=2)
        >>> labels, image = torch.rand(1, 5, 16, 16), torch.rand(1, 3, 16, 16)
        >>> on_fake, on_real = discriminate(discriminator, labels, fake=image, real=image)
        >>> torch.allclose(on_fake[0][-1], on_real[0][-1], atol=1e-5)
        True
    """
    known = label_channels
    return judge(discriminator, fake=torch.cat([known, fake], dim=1), real=torch.cat([known, real], dim=1))


def judge(discriminator: nn.Module, *, fake: Tensor, real: Tensor) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
    """Score generated and real inputs in one pass; return the outputs on each."""
    outputs, count = discriminator(torch.cat([fake, real])), len(fake)
    return (
        [[output[:count] for output in scale] for scale in outputs],
        [[output[count:] for output in scale] for scale in outputs],
    )


def discriminate_for_generator(
    discriminator: nn.Module, label_channels: Float[Tensor, "b k h w"], *, fake: Tensor, real: Tensor
) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
    """Score like `discriminate`, without gradients of the outputs on real images: the generator's losses need none.

    Real images pass second, in evaluation mode, so that spectral normalization stays where the first pass left it. No
    other layer depends on the mode, so the values are those of one pass.

    Example:
        >>> discriminator = MultiscaleDiscriminator(8, width=4, layers=2)
        >>> labels, image = torch.rand(1, 5, 16, 16), torch.rand(1, 3, 16, 16)
        >>> on_fake, on_real = discriminate_for_generator(discriminator, labels, fake=image, real=image)
        >>> on_fake[0][-1].requires_grad, on_real[0][-1].requires_grad
        (True, False)
    """
    on_fake = discriminator(torch.cat([label_channels, fake], dim=1))
    training = discriminator.training
    try:
        with torch.no_grad():
            return on_fake, discriminator.eval()(torch.cat([label_channels, real], dim=1))
    finally:
        discriminator.train(training)


class Pix2PixHDDiscriminator(nn.Module):
    """Score patches of label map and image together, at full size, at half, and so on.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018), 3.2.
    Nothing is spectrally normalized, and the names count scales from the smallest. `layers` counts the convolutions
    before the one that scores, as everywhere here; the release counts one less.

    Example:
        >>> outputs = Pix2PixHDDiscriminator(8, width=4, layers=2)(torch.zeros(1, 8, 16, 16))
        >>> [tuple(scale[-1].shape[1:]) for scale in outputs]
        [(1, 11, 11), (1, 7, 7)]
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


def _layers(channels: int, *, width: int, layers: int, spectral: bool, halving: bool = False) -> list[nn.Module]:
    """Make the layers of one scale; `spectral` are those of SPADE, without biases in the middle."""
    normalize = spectral_instance_norm if spectral else instance_norm
    found: list[nn.Module] = [nn.Sequential(nn.Conv2d(channels, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2))]
    for layer in range(1, layers):
        before, width = width, min(2 * width, 512)
        stride = 1 if layer == layers - 1 and not halving else 2
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
    """Yield the image at full size, at half, and so on: averages of 3 x 3 pixels.

    Example:
        >>> [tuple(x.shape[2:]) for x in image_pyramid(torch.zeros(1, 3, 8, 12), 3)]
        [(8, 12), (4, 6), (2, 3)]
    """
    for scale in range(scales):
        if scale:
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        yield x


class BicycleGANDiscriminator(nn.Module):
    """Score patches at full size, at half by a network of half the width, and so on.

    Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (CVPR 2017), 3.2.2, at several
    scales as in Zhu et al., "Toward Multimodal Image-to-Image Translation" (NIPS 2017). `layers` counts the
    convolutions before the one that scores, as everywhere here; the release counts one less.

    Example:
        >>> outputs = BicycleGANDiscriminator(3, width=4, layers=2)(torch.zeros(1, 3, 16, 16))
        >>> [[tuple(x.shape[1:]) for x in scale] for scale in outputs]
        [[(1, 6, 6)], [(1, 2, 2)]]
    """

    def __init__(self, channels: int, *, width: int = 64, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        self.names = [f"model_{scale}" for scale in range(scales)]
        for scale, name in enumerate(self.names):
            self.add_module(name, _patches(channels, width=round(width / 2**scale), layers=layers))

    def forward(self, x: Float[Tensor, "b c h w"]) -> DiscriminatorOutputs:
        """Return for each scale a list of its one output, the scores."""
        images = image_pyramid(x, len(self.names))
        return [[self.get_submodule(name)(image)] for name, image in zip(self.names, images, strict=True)]


def bicyclegan_discriminator(config: DiscriminatorConfig, *, channels: int, height: int, width: int) -> nn.Module:
    """Build the discriminators of a number of input channels.

    Raises:
        ParamsError: if images are too small for a score at the smallest scale.
    """
    least = 3 * 2 ** (config.layers - 1 + config.scales - 1)
    if min(height, width) < least:
        raise ParamsError(
            f"an image of {size_text((height, width))} is too small for discriminators of {config.layers} layers at "
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
