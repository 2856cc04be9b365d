"""SPADE: the label map alone decides the picture, through normalisation layers that read it at every size."""

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.config import Config as BaseConfig
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.losses.adversarial import LossWeights, discriminator_terms, generator_terms
from smis.nn.initialise import initialise
from smis.nn.layout import LabelPyramid, semantics
from smis.nn.patch_discriminator import DiscriminatorConfig
from smis.nn.perceptual import PerceptualConfig, PerceptualNetwork
from smis.nn.spade_generator import MULTIPLES, SpadeGenerator, channels_of, start_size
from smis.nn.spade_norm import SpadeNorm


class Config(BaseConfig):
    """Sizes of SPADE; the defaults are the released ADE20K setting. Class counts include "don't care"."""

    title: ClassVar[str] = "SPADE"
    paper: ClassVar[str] = 'Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019)'
    varies: ClassVar[Literal["nothing"]] = "nothing"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "ade20k": {"upsamplings": 5},
        "cityscapes": {"upsamplings": 6, "edges": True},
        "coco": {"upsamplings": 5, "edges": True},
        "deepfashion": {"upsamplings": 6},
        "paperdoll": {
            "width": 16,
            "multiples": (8, 8, 8, 8, 8, 4, 2, 1),
            "hidden": 16,
            "upsamplings": 4,
            "discriminator": {"width": 32, "layers": 3},
            "perceptual": {"network": "stlpips_vgg16", "slices": (8.0, 8.0), "shrink": 2},
            "gain": 0.5,
        },
    }

    width: PositiveInt = 64
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`."""
    hidden: PositiveInt = 128
    """Channels inside a normalisation layer."""
    edges: bool = False
    """Whether the instance edges are a channel of the label map."""
    upsamplings: Literal[3, 4, 5, 6, 7] = 5
    gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "Spade":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        channels = channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)
        known = classes + self.edges
        start = start_size(height, width, upsamplings=self.upsamplings)
        system = Spade(
            generator=SpadeGenerator(
                fc=SemanticStart(known, channels=channels[0], size=start),
                channels=channels,
                make_norm=lambda features, stage: SpadeNorm(features, semantics=known, hidden=self.hidden),
                upsamplings=self.upsamplings,
            ),
            discriminator=self.discriminator.build(channels=known + 3),
            classes=classes,
            edges=self.edges,
            losses=self.losses,
        )
        initialise(system, gain=self.gain)
        system.perceptual = self.perceptual.build() if training else None
        return system


class SemanticStart(nn.Conv2d):
    """The start map as a convolution of the label map, resized to nearest neighbours."""

    def __init__(self, semantics: int, *, channels: int, size: tuple[int, int]) -> None:
        super().__init__(semantics, channels, 3, padding=1)
        self.size = size

    def forward(self, input: Float[Tensor, "b k h w"]) -> Float[Tensor, "b c y x"]:
        """Return the start map."""
        return super().forward(F.interpolate(input, size=self.size, mode="nearest"))


class Spade(nn.Module):
    """Generate from the label map; nothing is drawn, so one label map has one picture.

    Park et al. (CVPR 2019), 3 and A: adversarial, feature matching and perceptual terms.
    """

    varies = "nothing"
    encoder = None
    perceptual: PerceptualNetwork | None

    def __init__(
        self, *, generator: nn.Module, discriminator: nn.Module, classes: int, edges: bool, losses: LossWeights
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.classes, self.edges, self.losses = classes, edges, losses

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, GAN_Feat and VGG for the generator."""
        known = self._semantics(batch.labels, batch.instances)
        return generator_terms(
            self.discriminator,
            self.perceptual,
            semantics=known,
            fake=self.generator(known, LabelPyramid(known)),
            real=batch.image,
            weights=self.losses,
        )

    def discriminator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the terms D_Fake and D_Real; the image is generated anew, as released."""
        known = self._semantics(batch.labels, batch.instances)
        with torch.no_grad():
            fake = self.generator(known, LabelPyramid(known))
        return discriminator_terms(self.discriminator, semantics=known, fake=fake, real=batch.image)

    def draw(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Return a code of no channels: it only says how many pictures there are."""
        return Style(everything=torch.zeros(len(labels), 0, device=labels.device))

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Return the same empty code: a picture tells nothing that the label map does not."""
        return Style(everything=torch.zeros(len(labels), 0, device=labels.device))

    def synthesise(
        self, labels: Int[Tensor, "#b h w"], instances: Int[Tensor, "#b h w"], style: Style
    ) -> Float[Tensor, "b 3 h w"]:
        """Make the images; one layout gives the same image for each code."""
        assert style.everything is not None
        known = self._semantics(labels, instances)
        image = self.generator(known, LabelPyramid(known))
        return image.expand(len(style.everything), -1, -1, -1)

    def _semantics(self, labels: Tensor, instances: Tensor) -> Tensor:
        return semantics(labels, instances if self.edges else None, classes=self.classes)
