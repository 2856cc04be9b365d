"""GroupDec: GroupDNet's generator behind an encoder of the whole image, without groups."""

from typing import Any, ClassVar

from pydantic import PositiveInt
from torch import Tensor

from smis.models.common.class_latents import PAPERDOLL, ClassLatents, ClassLatentsConfig
from smis.nn.class_crops import Crops
from smis.nn.group_encoder import GroupEncoder
from smis.nn.group_generator import GroupPlan, group_generator, group_schedule
from smis.nn.spade_generator import start_size


class Config(ClassLatentsConfig):
    """Sizes of GroupDec; the defaults are those inferred for DeepFashion."""

    title: ClassVar[str] = "GroupDec"
    presets: ClassVar[dict[str, dict[str, Any]]] = {"deepfashion": {}, "paperdoll": PAPERDOLL | {"encoder_width": 16}}

    encoder_width: PositiveInt = 96

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "GroupDec":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        start_size(height, width, upsamplings=self.upsamplings, encoded=True)
        groups = group_schedule(classes, stages=len(self.channels))
        plan = GroupPlan(self.channels, groups, "grouped", classes, self.hidden).fitted().checked()
        return self.assembled(
            GroupDec,
            generator=group_generator(plan, latent=self.latent, upsamplings=self.upsamplings),
            encoder=GroupEncoder(
                classes=1, width=self.encoder_width, latent=self.latent * classes, layers=self.upsamplings
            ),
            crops=whole_image,
            classes=classes,
            training=training,
        )


class GroupDec(ClassLatents):
    """Encode the whole image as a latent for each class; decode in groups that merge on the way to the image."""


def whole_image(image: Tensor, labels: Tensor) -> Crops:
    """Let the encoder see the image as it is."""
    return Crops.whole(image)
