"""GroupEnc: GroupDNet's encoder of classes in front of a generator without groups."""

from typing import Any, ClassVar

from pydantic import PositiveInt
from torch import nn

from smis.models.common.class_latents import PAPERDOLL, ClassLatents, ClassLatentsConfig
from smis.nn.group_encoder import GroupEncoder
from smis.nn.group_generator import round_up
from smis.nn.spade_generator import SpadeGenerator, start_size
from smis.nn.spade_norm import SpadeNorm


class Config(ClassLatentsConfig):
    """Sizes of GroupEnc; the defaults are those inferred for DeepFashion."""

    title: ClassVar[str] = "GroupEnc"
    presets: ClassVar[dict[str, dict[str, Any]]] = {"deepfashion": {}, "paperdoll": PAPERDOLL}

    width: PositiveInt = 64

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "GroupEnc":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        start_size(height, width, upsamplings=self.upsamplings, encoded=True)
        return self.assembled(
            GroupEnc,
            generator=SpadeGenerator(
                fc=nn.Conv2d(self.latent * classes, self.channels[0], 3, padding=1),
                channels=self.channels,
                make_norm=lambda features, stage: SpadeNorm(features, label_channels=classes, hidden=self.hidden),
                upsamplings=self.upsamplings,
            ),
            encoder=GroupEncoder(
                classes=classes,
                width=round_up(self.encoder_width, multiple=classes),
                latent=self.latent,
                layers=self.upsamplings,
            ),
            classes=classes,
            training=training,
        )


class GroupEnc(ClassLatents):
    """Encode each class by itself; from then on, classes are mixed."""
