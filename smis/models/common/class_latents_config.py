"""The sizes that the ablations of GroupDNet share, and how a system is put together from their networks."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from smis.core.config import Config
from smis.core.recipe import Recipe
from smis.losses.adversarial import LossWeights
from smis.models.common.class_latents import ClassLatents, CodeSize
from smis.nn.class_crops import Crops, class_crops
from smis.nn.initialize import initialize
from smis.nn.patch_discriminator import DiscriminatorConfig
from smis.nn.perceptual import PerceptualConfig
from smis.nn.spade_generator import MULTIPLES, channels_of, start_size

S = TypeVar("S", bound=ClassLatents)

ABLATION = (
    'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 4.2; never released, sizes are those that '
    "give the printed number of parameters"
)
PAPERDOLL: dict[str, Any] = {
    "width": 16,
    "multiples": (8, 8, 8, 8, 8, 4, 2, 1),
    "hidden": 16,
    "encoder_width": 32,
    "upsamplings": 5,
    "discriminator": {"width": 32, "layers": 3},
    "perceptual": {"network": "stlpips_vgg16", "slices": (8.0, 8.0), "shrink": 2},
    # a sum over batch and code: at this size the released 0.05 outweighs the rest, and codes say nothing
    "losses": {"kl": 0.001},
    "init_gain": 0.5,
}
"""For the built-in data set; a system puts its own sizes over it."""


class ClassLatentsConfig(Config):
    """Sizes of a system that gives each class a code of its own."""

    paper: ClassVar[str] = ABLATION
    varies: ClassVar[Literal["class"]] = "class"
    recipes: ClassVar[dict[str, Recipe]] = {
        "deepfashion": Recipe(source="not released; as GroupDNet's", batch=8, epochs=60, decay_epochs=40),
    }

    width: PositiveInt = 160
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`; rounded up to what groups need."""
    hidden: PositiveInt = 128
    """Channels inside a normalization layer."""
    latent: PositiveInt = 8
    """Latent channels of each class."""
    encoder_width: PositiveInt = 256
    """Channels after the encoder's first layer; rounded up to what groups need."""
    upsamplings: Literal[3, 4, 5, 6, 7] = 6
    """Doublings from the start map to the image; a convolutional encoder halves as often."""
    init_gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the start map and after each block."""
        return channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)

    def assembled(
        self,
        kind: type[S],
        *,
        generator: nn.Module,
        encoder: nn.Module,
        classes: int,
        training: bool,
        crops: Callable[[Tensor, Tensor], Crops] | None = None,
        code_size: CodeSize | None = None,
    ) -> S:
        """Put a system together; its encoder sees each class's own crop and makes maps, unless said otherwise.

        Raises:
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        system = kind(
            generator=generator,
            encoder=encoder,
            discriminator=self.discriminator.build(channels=classes + 3),
            crops=crops or partial(class_crops, classes=classes),
            classes=classes,
            latent=self.latent,
            code_size=code_size or partial(start_size, upsamplings=self.upsamplings),
            losses=self.losses,
        )
        initialize(system, gain=self.init_gain)
        system.perceptual = self.perceptual.build() if training else None
        return system
