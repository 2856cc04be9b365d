"""Pixelwise: a color for each class that a latent decides, position by position."""

from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.core.seeding import Noise
from smis.core.style import Style
from smis.models.common.adversarial_system import GlobalLatentSystem
from smis.models.common.loss_terms import LossWeights
from smis.nn.discriminators import DiscriminatorConfig
from smis.nn.perceptual import PerceptualConfig

_SMALL: dict[str, Any] = {
    "discriminator": {"width": 32, "layers": 3},
    "perceptual": {"network": "stlpips_vgg16", "slices": (8.0, 8.0), "shrink": 2},
}


class Config(BaseConfig):
    """Sizes of the network."""

    title: ClassVar[str] = "Pixelwise"
    paper: ClassVar[str] = "the worked example of the documentation"
    varies: ClassVar[Literal["global"]] = "global"
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paperdoll": _SMALL, "clothing": _SMALL}
    recipes: ClassVar[dict[str, Recipe]] = {}

    width: PositiveInt = 32
    latent: PositiveInt = 8
    init_gain: PositiveFloat = 0.5
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "Pixelwise":
        """Build the networks for a data set."""
        system = Pixelwise(
            generator=PixelNetwork(classes + self.latent, width=self.width),
            discriminator=self.discriminator.build(channels=classes + 3),
            classes=classes,
            latent=self.latent,
            dropout=False,
            losses=self.losses,
        )
        return system.ready(self, training=training)


class PixelNetwork(nn.Sequential):
    """Three convolutions of one position each."""

    def __init__(self, channels: int, *, width: int) -> None:
        sizes = (channels, width, width, 3)
        layers = [nn.Conv2d(before, after, 1) for before, after in pairwise(sizes)]
        super().__init__(layers[0], nn.LeakyReLU(0.2), layers[1], nn.LeakyReLU(0.2), layers[2], nn.Tanh())

    def forward(self, known: Tensor, code: Tensor, noise: Noise | None = None) -> Tensor:
        """Generate the images of latents, (b, z)."""
        tiled = code[:, :, None, None].expand(-1, -1, *known.shape[2:])
        return super().forward(torch.cat([known, tiled], dim=1))


class Pixelwise(GlobalLatentSystem):
    """One latent for the whole image, and no encoder: the latent is drawn while it trains."""

    def encode(self, image: Tensor, labels: Tensor, instances: Tensor, noise: Noise | None) -> Style:
        """Sample a latent whatever the image; without noise, return the most likely one."""
        if noise is None:
            return Style(global_latent=torch.zeros(len(labels), self.latent, device=labels.device))
        return self.sample(labels, instances, noise)
