"""MulNet: a whole network for each class; the picture is put together from what each made of its class."""

from functools import partial
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.losses.adversarial import LossWeights
from smis.losses.class_codes import ClassCodes
from smis.nn.class_crops import Crops, class_crops
from smis.nn.image_encoder import ImageEncoder
from smis.nn.initialise import initialise
from smis.nn.layout import LabelPyramid
from smis.nn.patch_discriminator import DiscriminatorConfig
from smis.nn.perceptual import PerceptualConfig
from smis.nn.spade_generator import MULTIPLES, LinearStart, SpadeGenerator, channels_of, start_size
from smis.nn.spade_norm import SpadeNorm


class Config(BaseConfig):
    """Sizes of MulNet's networks, each a VSPADE; the defaults are those inferred for DeepFashion."""

    title: ClassVar[str] = "MulNet"
    paper: ClassVar[str] = (
        'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 4.2; never released, sizes are those that '
        "give the printed number of parameters"
    )
    varies: ClassVar[Literal["class"]] = "class"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {"width": 16, "encoder_width": 16, "latent": 256},
        "paperdoll": {
            "width": 4,
            "multiples": (8, 8, 8, 8, 8, 4, 2, 1),
            "hidden": 8,
            "encoder_width": 4,
            "encoder_size": 64,
            "latent": 32,
            "upsamplings": 4,
            "discriminator": {"width": 32, "layers": 3},
            "perceptual": {"network": "stlpips_vgg16", "slices": (8.0, 8.0), "shrink": 2},
            # a sum over batch and code: at this size the released 0.05 outweighs the rest, and codes say nothing
            "losses": {"divergence": 0.001},
            "gain": 0.5,
        },
    }
    recipes: ClassVar[dict[str, Recipe]] = {
        "deepfashion": Recipe(source="not released; as GroupDNet's", batch=8, epochs=60, decay_epochs=40),
    }

    width: PositiveInt = 16
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`."""
    hidden: PositiveInt = 128
    """Channels inside a normalisation layer."""
    latent: PositiveInt = 256
    """Length of each class's code."""
    encoder_width: PositiveInt = 16
    encoder_size: Literal[8, 16, 32, 64, 128, 256, 512] = 256
    """Side that the encoders resize images to; each doubling of 4 is a layer."""
    upsamplings: Literal[3, 4, 5, 6, 7] = 6
    gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "MulNet":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        size = start_size(height, width, upsamplings=self.upsamplings)
        system = MulNet(
            generator=Generators(self._generator(classes, *size) for _ in range(classes)),
            encoder=Encoders(
                ImageEncoder(width=self.encoder_width, latent=self.latent, size=self.encoder_size)
                for _ in range(classes)
            ),
            discriminator=self.discriminator.build(channels=classes + 3),
            crops=partial(class_crops, classes=classes),
            classes=classes,
            latent=self.latent,
            code_size=vector,
            losses=self.losses,
        )
        initialise(system, gain=self.gain)
        system.perceptual = self.perceptual.build() if training else None
        return system

    def _generator(self, classes: int, rows: int, columns: int) -> SpadeGenerator:
        channels = channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)
        return SpadeGenerator(
            fc=LinearStart(self.latent, channels=channels[0], height=rows, width=columns),
            channels=channels,
            make_norm=lambda features, stage: SpadeNorm(features, semantics=classes, hidden=self.hidden),
            upsamplings=self.upsamplings,
        )


class Generators(nn.ModuleList):
    """Let each network make a whole image, and take each class's places from its own network's."""

    def forward(self, code: Float[Tensor, "b codes"], layout: LabelPyramid) -> Float[Tensor, "b 3 h w"]:
        """Make the images; every network is told the whole layout."""
        codes = code.unflatten(1, (len(self), -1))
        places = layout.at(*layout.size).maps()
        return sum(
            (network(codes[:, n], layout) * places[:, n : n + 1] for n, network in enumerate(self)),
            start=places.new_zeros(()),
        )


class Encoders(nn.ModuleList):
    """Let each network encode its own class: as it is not said what it sees, what GroupDNet's encoder sees of it."""

    def forward(self, crops: Crops) -> tuple[Float[Tensor, "b k z"], Float[Tensor, "b k z"]]:
        """Return mean and log-variance of every class of every picture."""
        pictures = crops.of(torch.arange(crops.count, device=crops.classes.device))
        means, log_variances = zip(*(network(pictures[:, n]) for n, network in enumerate(self)), strict=True)
        return torch.stack(means, dim=1), torch.stack(log_variances, dim=1)


class MulNet(ClassCodes):
    """Encode each class by a network of its own, generate each by a network of its own."""


def vector(height: int, width: int) -> tuple[int, ...]:
    """Say that a code is a vector, whatever the image's size."""
    return ()
