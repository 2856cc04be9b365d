"""GroupEnc: GroupDNet's encoder of classes in front of a generator without groups."""

from typing import Any, ClassVar

from pydantic import PositiveInt
from torch import nn

from smis.models.common.class_latents import PAPERDOLL, ClassLatentsConfig
from smis.nn.spade_generator import SpadeGenerator
from smis.nn.spade_norm import SpadeNorm


class Config(ClassLatentsConfig):
    """Sizes of GroupEnc; the defaults are those inferred for DeepFashion.

    Each class is encoded by itself; from then on, classes are mixed.

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="deepfashion").build(classes=8, height=256, width=256, training=False)
        >>> sum(weight.numel() for part in (system.generator, system.encoder) for weight in part.parameters())
        105561155
    """

    title: ClassVar[str] = "GroupEnc"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {},
        "paperdoll": PAPERDOLL,
        "clothing": PAPERDOLL,
        "clothing_large": PAPERDOLL | {"upsamplings": 6},
    }

    width: PositiveInt = 64

    def _generator(self, classes: int, size: tuple[int, int]) -> nn.Module:
        return SpadeGenerator(
            fc=nn.Conv2d(self.latent * classes, self.channels[0], 3, padding=1),
            channels=self.channels,
            make_norm=lambda features, stage: SpadeNorm(features, label_channels=classes, hidden=self.hidden),
            upsamplings=self.upsamplings,
        )
