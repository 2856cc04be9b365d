"""GroupDNet: each class has its own latent code, kept apart by grouped convolutions whose groups merge on the way."""

from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from smis.core.config import Config as BaseConfig
from smis.core.errors import ParamsError
from smis.core.recipe import Recipe
from smis.models.common.class_latents import PAPERDOLL, ClassLatents
from smis.models.common.layout_system import CLOTHING_GENERATOR
from smis.models.common.loss_terms import LossWeights
from smis.nn.discriminators import DiscriminatorConfig
from smis.nn.group_encoder import GroupEncoder
from smis.nn.group_generator import (
    Conditioning,
    GroupPlan,
    add_unused_block,
    group_generator,
    group_schedule,
    round_up,
)
from smis.nn.perceptual import PerceptualConfig
from smis.nn.spade_generator import MULTIPLES, blocks, channels_of, start_size

_DEEPFASHION: dict[str, Any] = {"width": 160, "encoder_width": 256, "groups": (8, 8, 8, 4, 4, 2, 2, 1)}
_CITYSCAPES: dict[str, Any] = {
    "width": 280,
    "encoder_width": 350,
    "groups": (35, 35, 35, 20, 14, 10, 4, 1),
    "conditioning": "edged",
}
_ADE20K: dict[str, Any] = {
    "width": 64,
    "encoder_width": 604,
    "start_per_class": 16,
    "multiples": (32, 16, 16, 8, 4, 2),
    "groups": (151, 151, 16, 16, 8, 4, 2, 1),
    "conditioning": "classwise",
    "unused_block": True,
}
_PAPERDOLL: dict[str, Any] = PAPERDOLL | {"losses": {"kl": 0.0005}}
_CLOTHING: dict[str, Any] = _PAPERDOLL | CLOTHING_GENERATOR | {"multiples": (20, 20, 20, 20, 16, 8, 4, 2)}
_LONG: dict[str, Any] = {"epochs": 100, "decay_epochs": 100}
_WIDE: dict[str, Any] = {"load": (256, 512), "crop": (256, 512)}


class Config(BaseConfig):
    """Sizes of GroupDNet; the defaults are the released DeepFashion setting.

    The networks of the paper and of the release are the same; its batches are larger (the presets `..._paper`).

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="deepfashion").build(classes=8, height=256, width=256, training=False)
        >>> sum(weight.numel() for part in (system.generator, system.encoder) for weight in part.parameters())
        109160163
    """

    title: ClassVar[str] = "GroupDNet"
    paper: ClassVar[str] = 'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020)'
    varies: ClassVar[Literal["class"]] = "class"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": _DEEPFASHION,
        "deepfashion_paper": _DEEPFASHION,
        "cityscapes": _CITYSCAPES,
        "cityscapes_paper": _CITYSCAPES,
        "ade20k": _ADE20K,
        "ade20k_paper": _ADE20K,
        "paperdoll": _PAPERDOLL,
        "clothing": _CLOTHING,
        "clothing_large": _CLOTHING | {"upsamplings": 6},
    }

    recipes: ClassVar[dict[str, Recipe]] = {
        "deepfashion": Recipe(source="released scripts", batch=8, epochs=60, decay_epochs=40),
        "deepfashion_paper": Recipe(source="paper, supplement", batch=32, epochs=60, decay_epochs=40),
        "cityscapes": Recipe(source="released scripts", batch=4, **_LONG, **_WIDE),
        "cityscapes_paper": Recipe(source="paper, supplement", batch=32, **_LONG, **_WIDE),
        "ade20k": Recipe(source="released scripts", batch=4, **_LONG, load=(286, 286)),
        "ade20k_paper": Recipe(source="paper, supplement", batch=16, **_LONG, load=(286, 286)),
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
    """Channels inside a normalization layer; other conditioning than `grouped` has its own rule."""
    latent: PositiveInt = 8
    """Latent channels of each class."""
    encoder_width: PositiveInt = 256
    upsamplings: Literal[3, 4, 5, 6, 7] = 6
    """Doublings from the start map to the image; the encoder halves as often."""
    unused_block: bool = False
    """Whether there is a block `up_4` that is never run, as in the ADE20K release."""
    init_gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> ClassLatents:
        """Build the networks for a data set.

        Raises:
            ParamsError: if sizes or groups do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        start_size(height, width, upsamplings=self.upsamplings, encoded=True)
        plan = self._plan(classes)
        generator = group_generator(plan, latent=self.latent, upsamplings=self.upsamplings)
        if self.unused_block:
            add_unused_block(generator, plan)
        edges = self.conditioning == "edged"
        system = ClassLatents(
            generator=generator,
            encoder=self._encoder(classes),
            discriminator=self.discriminator.build(channels=classes + edges + 3),
            classes=classes,
            edges=edges,
            latent=self.latent,
            upsamplings=self.upsamplings,
            losses=self.losses,
        )
        return system.ready(self, training=training)

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
        width = self.encoder_width if self.groups else round_up(self.encoder_width, multiple=classes)
        if width % classes:
            raise ParamsError(f"encoder_width is {width}; {classes} classes need a multiple of {classes}")
        return GroupEncoder(classes=classes, width=width, latent=self.latent, layers=self.upsamplings)
