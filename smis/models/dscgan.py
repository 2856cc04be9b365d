"""DSCGAN: one code for the whole image, which the generator is rewarded for heeding."""

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
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
from smis.models.common.loss_terms import LEAST_SQUARES, LossWeights
from smis.nn.discriminators import DiscriminatorConfig, Pix2PixHDDiscriminator, bicyclegan_discriminator
from smis.nn.initialize import initialize, initialize_normally
from smis.nn.label_maps import label_channels
from smis.nn.perceptual import PerceptualConfig, PerceptualNetwork
from smis.nn.pix2pixhd_generator import LatentGlobalGenerator
from smis.nn.unet_generator import LatentUnet, check_divisible

_NOT_RELEASED = (
    "inferred: the authors of SMIS did not release how they trained DSCGAN; batch and rates are those of its released "
    "code for facades, sizes are those of the data set in SMIS"
)
_RECIPE: dict[str, Any] = {
    "source": _NOT_RELEASED,
    "batch": 8,
    "epochs": 100,
    "decay_epochs": 100,
    "lr_generator": 2e-4,
    "lr_discriminator": 2e-4,
    "betas": (0.5, 0.999),
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


class DSCGANLossWeights(LossWeights):
    """Weights of the generator's terms; the defaults are the release's. It matches features, and compares in those of
    the perceptual network, with the global generator.
    """

    reconstruction: NonNegativeFloat = 10.0
    """Of the pixels' differences, with the U-Net."""
    diversity: NonNegativeFloat = 8.0


class Config(BaseConfig):
    """Sizes of DSCGAN; the defaults are the release's for facades."""

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
        "paperdoll": {
            "width": 16,
            "levels": 6,
            "discriminator": {"width": 32, "layers": 3},
            "init_gain": 0.5,
        },
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
        if self.network == "global":
            initialize_normally(system, deviation=self.init_gain)
        else:
            initialize(system, gain=self.init_gain)
        system.perceptual = self.perceptual.build() if training and self.network == "global" else None
        return system

    def _with_unet(self, known: int, height: int, width: int) -> tuple[nn.Module, nn.Module]:
        check_divisible(height, width, downsamplings=self.levels, least=1, remedy="levels")
        return (
            LatentUnet(known, code=self.latent, width=self.width, levels=self.levels),
            bicyclegan_discriminator(self.discriminator, channels=known + 3, height=height, width=width),
        )

    def _with_global_generator(self, known: int, height: int, width: int) -> tuple[nn.Module, nn.Module]:
        check_divisible(height, width, downsamplings=self.downsamplings, least=2, remedy="downsamplings")
        sizes = {"width": self.width, "downsamplings": self.downsamplings, "blocks": self.blocks}
        judge = self.discriminator
        return (
            LatentGlobalGenerator(known, code=self.latent, **sizes),
            Pix2PixHDDiscriminator(known + 3, width=judge.width, layers=judge.layers, scales=judge.scales),
        )


class DSCGAN(nn.Module):
    """Draw two codes for a label map: the image of the first is to look real, and unlike that of the second.

    Yang et al. (ICLR 2019), Eq. 5. With `pixels` an image is compared with the real one place by place, on the U-Net
    of BicycleGAN; else by the discriminator's features and the perceptual network's, on the generator of pix2pixHD (the
    release's own function for the first is misspelt there; ours is pix2pixHD's).

    The release drops at test time too, unless it is told not to; here one code has one image. Its discriminators see
    the images of the generator's step; here they are generated anew, as for other systems.
    """

    varies = "global"
    encoder = None
    perceptual: PerceptualNetwork | None

    def __init__(
        self,
        *,
        generator: nn.Module,
        discriminator: nn.Module,
        classes: int,
        latent: int,
        edges: bool,
        dropout: bool,
        pixels: bool,
        losses: DSCGANLossWeights,
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.classes, self.latent, self.edges = classes, latent, edges
        self.dropout, self.pixels, self.losses = dropout, pixels, losses

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, L1 (or GAN_Feat and VGG) and NE, the diversity, for the generator."""
        known = self.label_channels(batch.labels, batch.instances)
        code, other = (self.sample(batch.labels, batch.instances, noise).global_latent for _ in range(2))
        assert code is not None
        assert other is not None
        image = self._generate(known, code, noise)
        with torch.no_grad():
            unlike = self._generate(known, other, noise)
        reward = diversity_loss(image, unlike, latent=code, other_latent=other)
        return self._faithful(known, image, batch.image) | {"NE": self.losses.diversity * reward}

    def discriminator_terms(self, batch: Batch, noise: Noise, fakes: Image | None = None) -> dict[str, Tensor]:
        """Return the terms D_Fake and D_Real of the image that was made, or else of one that is generated anew."""
        known = self.label_channels(batch.labels, batch.instances)
        fake = self._regenerate(known, batch, noise) if fakes is None else fakes
        return LEAST_SQUARES.discriminator_terms(self.discriminator, label_channels=known, fake=fake, real=batch.image)

    @torch.no_grad()
    def _regenerate(self, known: Tensor, batch: Batch, noise: Noise) -> Image:
        code = self.sample(batch.labels, batch.instances, noise).global_latent
        assert code is not None
        return self._generate(known, code, noise)

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Sample one latent for each image."""
        return Style(global_latent=noise.normal(len(labels), self.latent, device=labels.device))

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Draw a code without looking at the image, which nothing encodes; without noise, the most likely one."""
        if noise is None:
            return Style(global_latent=torch.zeros(len(labels), self.latent, device=labels.device))
        return self.sample(labels, instances, noise)

    def synthesize(
        self, labels: Int[Tensor, "#b h w"], instances: Int[Tensor, "#b h w"], style: Style
    ) -> Float[Tensor, "b 3 h w"]:
        """Generate the images; one layout serves any number of latents."""
        assert style.global_latent is not None
        known = self.label_channels(labels, instances)
        return self.generator(known.expand(len(style.global_latent), -1, -1, -1), style.global_latent)

    def label_channels(self, labels: LabelMap, instances: InstanceMap) -> Float[Tensor, "b k h w"]:
        """Return the layout as the networks read it."""
        return label_channels(labels, instances if self.edges else None, classes=self.classes)

    def _generate(self, known: Tensor, code: Tensor, noise: Noise) -> Float[Tensor, "b 3 h w"]:
        return self.generator(known, code, noise if self.dropout and self.training else None)

    def _faithful(self, known: Tensor, image: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Return the terms of one image."""
        if self.pixels:
            outputs = self.discriminator(torch.cat([known, image], dim=1))
            distance = F.l1_loss(image, real)
            return {
                "GAN": least_squares(outputs, real=True),
                "L1": self.losses.reconstruction * distance,
            }
        return LEAST_SQUARES.generator_terms(
            self.discriminator, self.perceptual, label_channels=known, fake=image, real=real, weights=self.losses
        )
