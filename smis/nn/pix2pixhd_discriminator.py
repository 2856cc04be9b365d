"""The discriminators that pix2pixHD's own release trains against."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.nn.patch_discriminator import Verdicts


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

    def forward(self, x: Float[Tensor, "b c h w"]) -> Verdicts:
        """Return the outputs of every layer at every scale, the full size first."""
        verdicts = []
        for scale in reversed(range(self.scales)):
            if verdicts:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            verdicts.append(self._judged(x, scale))
        return verdicts

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
