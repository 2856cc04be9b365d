"""DSCGAN: one code for the whole image, which the generator is rewarded for heeding."""

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.losses.adversarial_losses import least_squares
from smis.losses.latent_losses import diversity_loss
from smis.models.common.adversarial_system import PIX2PIX_RECIPE, GlobalLatentSystem
from smis.models.common.loss_terms import LEAST_SQUARES, LossWeights
from smis.nn.discriminators import DiscriminatorConfig, Pix2PixHDDiscriminator, bicyclegan_discriminator
from smis.nn.initialize import initialize, initialize_normally
from smis.nn.perceptual import PerceptualConfig
from smis.nn.pix2pixhd_generator import LatentGlobalGenerator
from smis.nn.unet_generator import LatentUnet, check_divisible

_NOT_RELEASED = (
    "inferred: the authors of SMIS did not release how they trained DSCGAN; batch and rates are those of its released "
    "code for facades, sizes are those of the data set in SMIS"
)
_RECIPE: dict[str, Any] = PIX2PIX_RECIPE | {
    "source": _NOT_RELEASED,
    "batch": 8,
    "load": (286, 286),
    "note": "epochs are inferred; the release begins at twice these rates and lets them fall from the first step",
}
_FACADES: dict[str, Any] = {"source": "released code", "epochs": 200, "decay_epochs": 200}
_CITYSCAPES: dict[str, Any] = {
    "source": "released code; the size is SMIS's",
    "batch": 3,
    "load": (256, 512),
    "crop": (256, 512),
}
_PAPERDOLL: dict[str, Any] = {"width": 16, "discriminator": {"width": 32, "layers": 3}, "init_gain": 0.5}


class DSCGANLossWeights(LossWeights):
    """Weights of the generator's terms; the defaults are the release's. It matches features, and compares in those of
    the perceptual network, with the global generator.
    """

    reconstruction: NonNegativeFloat = 10.0
    """Of the pixels' differences, with the U-Net."""
    diversity: NonNegativeFloat = 8.0


class Config(BaseConfig):
    """Sizes of DSCGAN; the defaults are the release's for facades.

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="facades").build(classes=12, height=256, width=256, training=False)
        >>> sum(weight.numel() for weight in system.generator.parameters())
        54803843
    """

    title: ClassVar[str] = "DSCGAN"
    paper: ClassVar[str] = 'Yang et al., "Diversity-Sensitive Conditional Generative Adversarial Networks" (ICLR 2019)'
    varies: ClassVar[Literal["global"]] = "global"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "facades": {},
        "deepfashion": {},
        "cityscapes": {
            "network": "global",
            "width": 32,
            "latent": 64,
            "edges": True,
            "losses": {"diversity": 10.0},
        },
        "ade20k": {},
        "paperdoll": _PAPERDOLL | {"levels": 6},
        "clothing": _PAPERDOLL | {"levels": 5},
        "clothing_large": _PAPERDOLL | {"levels": 6},
    }
    recipes: ClassVar[dict[str, Recipe]] = {
        "facades": Recipe.model_validate(_RECIPE | _FACADES),
        "deepfashion": Recipe.model_validate(_RECIPE | {"load": (256, 256)}),
        "cityscapes": Recipe.model_validate(_RECIPE | _CITYSCAPES),
        "ade20k": Recipe.model_validate(_RECIPE),
    }

    network: Literal["unet", "global"] = "unet"
    """BicycleGAN's U-Net with its discriminators, or pix2pixHD's global generator, with its own."""
    width: PositiveInt = 64
    levels: int = Field(default=8, ge=2)
    """Of the U-Net; each halves the image, and 8 lead from 256 to 1."""
    downsamplings: PositiveInt = 4
    """Of the global generator, as the next."""
    blocks: PositiveInt = 8
    latent: PositiveInt = 8
    """Length of the latent."""
    dropout: bool = True
    """Whether training drops half of what the U-Net's narrow middle levels say; the released scripts do."""
    edges: bool = False
    """Whether the instance edges are a channel of the label map."""
    init_gain: PositiveFloat = 0.02
    """Of the first weights: the U-Net's have this gain, the global generator's this deviation."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    """With the global generator."""
    losses: DSCGANLossWeights = DSCGANLossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "DSCGAN":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training`, with the global generator, and the perceptual network's weights are missing.
        """
        build = self._with_global_generator if self.network == "global" else self._with_unet
        generator, discriminator = build(classes + self.edges, height, width)
        system = DSCGAN(
            generator=generator,
            discriminator=discriminator,
            classes=classes,
            latent=self.latent,
            edges=self.edges,
            dropout=self.dropout,
            pixels=self.network == "unet",
            losses=self.losses,
        )
        init = initialize_normally if self.network == "global" else initialize
        return system.ready(self, training=training and self.network == "global", init=init)

    def _with_unet(self, known: int, height: int, width: int) -> tuple[nn.Module, nn.Module]:
        check_divisible(height, width, downsamplings=self.levels, least=1, remedy="levels")
        return (
            LatentUnet(known, code=self.latent, width=self.width, levels=self.levels),
            bicyclegan_discriminator(self.discriminator, channels=known + 3, height=height, width=width),
        )

    def _with_global_generator(self, known: int, height: int, width: int) -> tuple[nn.Module, nn.Module]:
        check_divisible(height, width, downsamplings=self.downsamplings, least=2, remedy="downsamplings")
        sizes = {"width": self.width, "downsamplings": self.downsamplings, "blocks": self.blocks}
        generator = LatentGlobalGenerator(known, code=self.latent, **sizes)
        return generator, self.discriminator.build(Pix2PixHDDiscriminator, channels=known + 3)


class DSCGAN(GlobalLatentSystem):
    """Sample two latents for a label map: the image of the first is to look real, and unlike that of the second.

    Yang et al. (ICLR 2019), Eq. 5. With `pixels` an image is compared with the real one pixel by pixel, on the U-Net
    of BicycleGAN; else by the discriminator's features and the perceptual network's, on the generator of pix2pixHD (the
    release's own function for the first is misspelt there; ours is pix2pixHD's).

    Example:
        >>> from smis.core.seeding import generator
        >>> system = Config(preset="paperdoll").build(classes=5, height=64, width=64, training=False)
        >>> labels, image = torch.arange(64).expand(1, 64, 64) // 16, torch.rand(1, 3, 64, 64)
        >>> sorted(system.generator_terms(Batch(image, labels, labels, ("a",)), Noise(generator(0))))
        ['GAN', 'L1', 'NE']
    """

    def __init__(self, *, pixels: bool, **more: Any) -> None:
        super().__init__(objective=LEAST_SQUARES, **more)
        self.pixels = pixels

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, L1 (or GAN_Feat and VGG) and NE, the diversity, for the generator."""
        known = self.label_channels(batch.labels, batch.instances)
        code, other = (self.sample_latents(batch.labels, noise) for _ in range(2))
        image = self.generate(known, code, noise)
        with torch.no_grad():
            unlike = self.generate(known, other, noise)
        reward = diversity_loss(image, unlike, latent=code, other_latent=other)
        terms = self._pixel_terms(known, image, batch.image) if self.pixels else self.terms_of(batch, image)
        return terms | {"NE": self.losses.diversity * reward}

    def reconstruct(self, batch: Batch, noise: Noise) -> Image:
        """Generate images of latents that are drawn anew."""
        known = self.label_channels(batch.labels, batch.instances)
        return self.generate(known, self.sample_latents(batch.labels, noise), noise)

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Sample a latent whatever the image, as there is no encoder; without noise, return the most likely one."""
        if noise is None:
            return Style(global_latent=torch.zeros(len(labels), self.latent, device=labels.device))
        return self.sample(labels, instances, noise)

    def _pixel_terms(self, known: Tensor, image: Tensor, real: Tensor) -> dict[str, Tensor]:
        outputs = self.discriminator(torch.cat([known, image], dim=1))
        distance = F.l1_loss(image, real)
        return {"GAN": least_squares(outputs, real=True), "L1": self.losses.reconstruction * distance}
