"""The discriminators of patches that BicycleGAN trains against."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.core.errors import ParamsError
from smis.nn.patch_discriminator import DiscriminatorConfig, Verdicts


class HalvingDiscriminator(nn.Module):
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

    def forward(self, x: Float[Tensor, "b c h w"]) -> Verdicts:
        """Return one output for each scale, its verdicts."""
        verdicts = []
        for scale, name in enumerate(self.names):
            if scale:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            verdicts.append([self.get_submodule(name)(x)])
        return verdicts


def halving_discriminator(
    config: DiscriminatorConfig, *, channels: int, height: int, width: int
) -> HalvingDiscriminator:
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
    return HalvingDiscriminator(channels, width=config.width, layers=config.layers, scales=config.scales)


def _patches(channels: int, *, width: int, layers: int) -> nn.Sequential:
    found: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    before = width
    for layer in range(1, layers):
        after = width * min(2**layer, 8)
        conv = nn.Conv2d(before, after, 4, stride=1 if layer == layers - 1 else 2, padding=1)
        found += [conv, nn.InstanceNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
        before = after
    return nn.Sequential(*found, nn.Conv2d(before, 1, 4, padding=1))
