"""GroupDNet: each class has its own latent code, kept apart by grouped convolutions whose groups merge on the way."""

from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.config import Config as BaseConfig
from smis.core.errors import ParamsError
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.losses.adversarial import LossWeights, discriminator_terms, generator_terms
from smis.losses.divergence import kl_divergence
from smis.nn.class_crops import class_crops
from smis.nn.gaussian import draw_near
from smis.nn.group_encoder import GroupEncoder
from smis.nn.group_generator import (
    Conditioning,
    GroupPlan,
    add_unused_block,
    beside_edges,
    group_generator,
    group_schedule,
    up_to,
)
from smis.nn.initialise import initialise
from smis.nn.layout import LabelPyramid, semantics
from smis.nn.patch_discriminator import DiscriminatorConfig
from smis.nn.perceptual import PerceptualConfig, PerceptualNetwork
from smis.nn.spade_generator import MULTIPLES, blocks, channels_of, start_size


class Config(BaseConfig):
    """Sizes of GroupDNet; the defaults are the released DeepFashion setting."""

    title: ClassVar[str] = "GroupDNet"
    paper: ClassVar[str] = 'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020)'
    varies: ClassVar[Literal["class"]] = "class"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {"width": 160, "encoder_width": 256, "groups": (8, 8, 8, 4, 4, 2, 2, 1)},
        "cityscapes": {
            "width": 280,
            "encoder_width": 350,
            "groups": (35, 35, 35, 20, 14, 10, 4, 1),
            "conditioning": "edged",
        },
        "ade20k": {
            "width": 64,
            "encoder_width": 604,
            "start_per_class": 16,
            "multiples": (32, 16, 16, 8, 4, 2),
            "groups": (151, 151, 16, 16, 8, 4, 2, 1),
            "conditioning": "classwise",
            "unused_block": True,
        },
        "paperdoll": {
            "width": 16,
            "multiples": (8, 8, 8, 8, 8, 4, 2, 1),
            "hidden": 16,
            "encoder_width": 32,
            "upsamplings": 5,
            "discriminator": {"width": 32, "layers": 3},
            "perceptual": {"network": "stlpips_vgg16", "slices": (8.0, 8.0), "shrink": 2},
            # a sum over batch and code: at this size the released 0.05 outweighs the rest, and codes say nothing
            "losses": {"divergence": 0.001},
            "gain": 0.5,
        },
    }

    width: PositiveInt = 160
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`."""
    start_per_class: PositiveInt | None = None
    """Channels of the start map and after `head_0` for each class, where they follow the classes instead; then
    `multiples` begins with `G_middle_0`."""
    groups: tuple[PositiveInt, ...] | None = None
    """Groups of the start map and of each block. Without: divisors of the number of classes, falling like the released
    ones, and widths rounded up to what they can split."""
    conditioning: Conditioning = "grouped"
    hidden: PositiveInt = 128
    """Channels inside a normalisation layer; other conditioning than `grouped` has its own rule."""
    latent: PositiveInt = 8
    """Latent channels of each class."""
    encoder_width: PositiveInt = 256
    upsamplings: Literal[3, 4, 5, 6, 7] = 6
    """Doublings from the start map to the image; the encoder halves as often."""
    unused_block: bool = False
    """Whether there is a block `up_4` that is never run, as in the ADE20K release."""
    gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "GroupDNet":
        """Build the networks for a data set.

        Raises:
            ParamsError: if sizes or groups do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        if start_size(height, width, upsamplings=self.upsamplings) == (1, 1):
            raise ParamsError(
                f"{self.upsamplings} doublings leave one place of an image of {height} x {width}, which the encoder's "
                "normalisation takes to 0; set fewer `upsamplings` (3 to 7) or a larger size of the data set"
            )
        plan = self._plan(classes)
        generator = group_generator(plan, latent=self.latent, upsamplings=self.upsamplings)
        if self.unused_block:
            add_unused_block(generator, plan)
        edges = self.conditioning == "edged"
        system = GroupDNet(
            generator=generator,
            encoder=self._encoder(classes),
            discriminator=self.discriminator.build(channels=classes + edges + 3),
            classes=classes,
            latent=self.latent,
            upsamplings=self.upsamplings,
            edges=edges,
            losses=self.losses,
        )
        initialise(system, gain=self.gain)
        system.perceptual = self.perceptual.build() if training else None
        return system

    def _plan(self, classes: int) -> GroupPlan:
        channels = channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)
        if self.start_per_class:
            channels = (*[self.start_per_class * classes] * 2, *channels)
        stages = 1 + len(blocks(self.upsamplings))
        if len(channels) != stages:
            raise ParamsError(f"`multiples` gives {len(channels)} stages; {self.upsamplings} upsamplings have {stages}")
        groups = self.groups or group_schedule(classes, stages=stages)
        plan = GroupPlan(channels, groups, self.conditioning, classes, self.hidden)
        return (plan if self.groups else plan.fitted()).checked()

    def _encoder(self, classes: int) -> GroupEncoder:
        width = self.encoder_width if self.groups else up_to(self.encoder_width, multiple=classes)
        if width % classes:
            raise ParamsError(f"encoder_width is {width}; {classes} classes need a multiple of {classes}")
        return GroupEncoder(
            channels=3 * classes, width=width, latent=self.latent * classes, groups=classes, layers=self.upsamplings
        )


class GroupDNet(nn.Module):
    """Encode each class by itself, generate all together.

    Zhu et al. (CVPR 2020), Eq. 4 and 5: adversarial, feature matching, perceptual and divergence terms.
    """

    varies = "class"
    perceptual: PerceptualNetwork | None

    def __init__(
        self,
        *,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: nn.Module,
        classes: int,
        latent: int,
        upsamplings: int,
        edges: bool,
        losses: LossWeights,
    ) -> None:
        super().__init__()
        self.generator, self.encoder, self.discriminator = generator, encoder, discriminator
        self.classes, self.latent, self.upsamplings, self.edges = classes, latent, upsamplings, edges
        self.losses = losses

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, GAN_Feat, VGG and KLD for generator and encoder."""
        mean, log_variance = self._gaussian(batch.image, batch.labels)
        known = self._semantics(batch.labels, batch.instances)
        terms = generator_terms(
            self.discriminator,
            self.perceptual,
            semantics=known,
            fake=self._generate(known, draw_near(mean, log_variance, noise)),
            real=batch.image,
            weights=self.losses,
        )
        divergence = kl_divergence(mean, log_variance)
        return terms | {"KLD": self.losses.divergence * batch.parts * divergence}

    def discriminator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the terms D_Fake and D_Real; the image is encoded and generated anew, as released."""
        known = self._semantics(batch.labels, batch.instances)
        with torch.no_grad():
            fake = self._generate(known, draw_near(*self._gaussian(batch.image, batch.labels), noise))
        return discriminator_terms(self.discriminator, semantics=known, fake=fake, real=batch.image)

    def draw(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Draw a code for every class, present or not."""
        batch, height, width = labels.shape
        size = start_size(height, width, upsamplings=self.upsamplings)
        return Style(classes=noise.normal(batch, self.classes, self.latent, *size, device=labels.device))

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Draw codes near those of an image; without noise, the most likely ones."""
        return Style(classes=draw_near(*self._gaussian(image, labels), noise))

    def synthesise(
        self, labels: Int[Tensor, "#b h w"], instances: Int[Tensor, "#b h w"], style: Style
    ) -> Float[Tensor, "b 3 h w"]:
        """Make the images; one layout serves any number of codes."""
        assert style.classes is not None
        return self._generate(self._semantics(labels, instances), style.classes)

    def _gaussian(self, image: Image, labels: LabelMap) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(class_crops(image, labels, classes=self.classes))
        return mean.unflatten(1, (self.classes, -1)), log_variance.unflatten(1, (self.classes, -1))

    def _semantics(self, labels: Tensor, instances: Tensor) -> Tensor:
        return semantics(labels, instances if self.edges else None, classes=self.classes)

    def _generate(self, known: Tensor, code: Float[Tensor, "b k z h w"]) -> Tensor:
        layout = LabelPyramid(beside_edges(known) if self.edges else known)
        return self.generator(code.flatten(1, 2), layout)
