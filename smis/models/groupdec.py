"""GroupDec: GroupDNet's generator behind an encoder of the whole image, without groups."""

from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.losses.adversarial import LossWeights
from smis.losses.class_codes import ClassCodes
from smis.nn.class_crops import Crops
from smis.nn.group_encoder import GroupEncoder
from smis.nn.group_generator import GroupPlan, group_generator, group_schedule
from smis.nn.initialise import initialise
from smis.nn.patch_discriminator import DiscriminatorConfig
from smis.nn.perceptual import PerceptualConfig
from smis.nn.spade_generator import MULTIPLES, channels_of, start_size


class Config(BaseConfig):
    """Sizes of GroupDec; the defaults are those inferred for DeepFashion."""

    title: ClassVar[str] = "GroupDec"
    paper: ClassVar[str] = (
        'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 4.2; never released, sizes are those that '
        "give the printed number of parameters"
    )
    varies: ClassVar[Literal["class"]] = "class"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {"width": 160, "encoder_width": 96},
        "paperdoll": {
            "width": 16,
            "multiples": (8, 8, 8, 8, 8, 4, 2, 1),
            "hidden": 16,
            "encoder_width": 16,
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

    width: PositiveInt = 160
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`, rounded up to what the groups need."""
    hidden: PositiveInt = 128
    """Channels inside a normalisation layer."""
    latent: PositiveInt = 8
    """Latent channels of each class."""
    encoder_width: PositiveInt = 96
    upsamplings: Literal[3, 4, 5, 6, 7] = 6
    """Doublings from the start map to the image; the encoder halves as often."""
    gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "GroupDec":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        start_size(height, width, upsamplings=self.upsamplings, encoded=True)
        channels = channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)
        groups = group_schedule(classes, stages=len(channels))
        plan = GroupPlan(channels, groups, "grouped", classes, self.hidden).fitted().checked()
        system = GroupDec(
            generator=group_generator(plan, latent=self.latent, upsamplings=self.upsamplings),
            encoder=GroupEncoder(
                classes=1, width=self.encoder_width, latent=self.latent * classes, layers=self.upsamplings
            ),
            discriminator=self.discriminator.build(channels=classes + 3),
            crops=whole_image,
            classes=classes,
            latent=self.latent,
            code_size=partial(start_size, upsamplings=self.upsamplings),
            losses=self.losses,
        )
        initialise(system, gain=self.gain)
        system.perceptual = self.perceptual.build() if training else None
        return system


class GroupDec(ClassCodes):
    """Encode the whole image as a code for each class; decode in groups that merge on the way to the image."""


def whole_image(image: Tensor, labels: Tensor) -> Crops:
    """Let the encoder see the image as it is."""
    return Crops.whole(image)
