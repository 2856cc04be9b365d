"""GroupNet: GroupDNet whose groups never merge, one network for each class side by side."""

from typing import Any, ClassVar

from pydantic import PositiveInt

from smis.models.common.class_latents import PAPERDOLL, ClassLatents, ClassLatentsConfig
from smis.nn.group_encoder import GroupEncoder
from smis.nn.group_generator import GroupPlan, group_generator, round_up
from smis.nn.spade_generator import start_size


class Config(ClassLatentsConfig):
    """Sizes of GroupNet; the defaults are those inferred for DeepFashion."""

    title: ClassVar[str] = "GroupNet"
    presets: ClassVar[dict[str, dict[str, Any]]] = {"deepfashion": {}, "paperdoll": PAPERDOLL | {"width": 24}}

    width: PositiveInt = 192

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "GroupNet":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        start_size(height, width, upsamplings=self.upsamplings, encoded=True)
        groups = (classes,) * len(self.channels)
        plan = GroupPlan(self.channels, groups, "grouped", classes, self.hidden).fitted().checked()
        return self.assembled(
            GroupNet,
            generator=group_generator(plan, latent=self.latent, upsamplings=self.upsamplings),
            encoder=GroupEncoder(
                classes=classes,
                width=round_up(self.encoder_width, multiple=classes),
                latent=self.latent,
                layers=self.upsamplings,
            ),
            classes=classes,
            training=training,
        )


class GroupNet(ClassLatents):
    """Encode each class by itself and generate each by itself, up to the last convolution."""
