"""GroupEnc: GroupDNet's encoder of classes in front of a generator without groups."""

from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt
from torch import nn

from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.losses.adversarial import LossWeights
from smis.losses.class_codes import ClassCodes
from smis.nn.class_crops import class_crops
from smis.nn.group_encoder import GroupEncoder
from smis.nn.group_generator import up_to
from smis.nn.initialise import initialise
from smis.nn.patch_discriminator import DiscriminatorConfig
from smis.nn.perceptual import PerceptualConfig
from smis.nn.spade_generator import MULTIPLES, SpadeGenerator, channels_of, start_size
from smis.nn.spade_norm import SpadeNorm


class Config(BaseConfig):
    """Sizes of GroupEnc; the defaults are those inferred for DeepFashion."""

    title: ClassVar[str] = "GroupEnc"
    paper: ClassVar[str] = (
        'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 4.2; never released, sizes are those that '
        "give the printed number of parameters"
    )
    varies: ClassVar[Literal["class"]] = "class"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {"width": 64, "encoder_width": 256},
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
    recipes: ClassVar[dict[str, Recipe]] = {
        "deepfashion": Recipe(source="not released; as GroupDNet's", batch=8, epochs=60, decay_epochs=40),
    }

    width: PositiveInt = 64
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`."""
    hidden: PositiveInt = 128
    """Channels inside a normalisation layer."""
    latent: PositiveInt = 8
    """Latent channels of each class."""
    encoder_width: PositiveInt = 256
    """Rounded up to a multiple of the number of classes."""
    upsamplings: Literal[3, 4, 5, 6, 7] = 6
    """Doublings from the start map to the image; the encoder halves as often."""
    gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "GroupEnc":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        start_size(height, width, upsamplings=self.upsamplings, encoded=True)
        channels = channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)
        system = GroupEnc(
            generator=SpadeGenerator(
                fc=nn.Conv2d(self.latent * classes, channels[0], 3, padding=1),
                channels=channels,
                make_norm=lambda features, stage: SpadeNorm(features, semantics=classes, hidden=self.hidden),
                upsamplings=self.upsamplings,
            ),
            encoder=GroupEncoder(
                classes=classes,
                width=up_to(self.encoder_width, multiple=classes),
                latent=self.latent,
                layers=self.upsamplings,
            ),
            discriminator=self.discriminator.build(channels=classes + 3),
            crops=partial(class_crops, classes=classes),
            classes=classes,
            latent=self.latent,
            code_size=partial(start_size, upsamplings=self.upsamplings),
            losses=self.losses,
        )
        initialise(system, gain=self.gain)
        system.perceptual = self.perceptual.build() if training else None
        return system


class GroupEnc(ClassCodes):
    """Encode each class by itself; from then on, classes are mixed."""
