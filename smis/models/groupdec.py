"""GroupDec: GroupDNet's generator behind an encoder of the whole image, without groups."""

from typing import Any, ClassVar

from pydantic import PositiveInt
from torch import nn

from smis.core.shapes import Image, LabelMap
from smis.models.common.class_latents import PAPERDOLL, ClassLatents, ClassLatentsConfig
from smis.nn.class_crops import Crops
from smis.nn.group_encoder import GroupEncoder
from smis.nn.group_generator import group_schedule


class GroupDec(ClassLatents):
    """Encode the whole image as a latent for each class; decode in groups that merge on the way to the image.

    Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 4.2.
    """

    def crops(self, image: Image, labels: LabelMap) -> Crops:
        """Let the encoder see the image as it is."""
        return Crops.whole(image)


class Config(ClassLatentsConfig):
    """Sizes of GroupDec; the defaults are those inferred for DeepFashion.

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="deepfashion").build(classes=8, height=256, width=256, training=False)
        >>> sum(weight.numel() for part in (system.generator, system.encoder) for weight in part.parameters())
        111312387
    """

    title: ClassVar[str] = "GroupDec"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {},
        "paperdoll": PAPERDOLL | {"encoder_width": 16},
        "clothing": PAPERDOLL | {"width": 32, "encoder_width": 16},
        "clothing_large": PAPERDOLL | {"width": 32, "encoder_width": 16, "upsamplings": 6},
    }
    system: ClassVar[type[ClassLatents]] = GroupDec

    encoder_width: PositiveInt = 96

    def _generator(self, classes: int, size: tuple[int, int]) -> nn.Module:
        return self._grouped(classes, group_schedule(classes, stages=len(self.channels)))

    def _encoder(self, classes: int) -> nn.Module:
        latent = self.latent * classes
        return GroupEncoder(classes=1, width=self.encoder_width, latent=latent, layers=self.upsamplings)
