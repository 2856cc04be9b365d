"""A system that gives each class a latent of its own, whatever its networks: GroupDNet and its ablations."""

from typing import Any, ClassVar, Literal

from jaxtyping import Float
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from smis.core.config import Config
from smis.core.recipe import Recipe
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.models.common.layout_system import PAPERDOLL_GENERATOR, VariationalSystem
from smis.models.common.loss_terms import LossWeights
from smis.nn.class_crops import Crops, class_crops
from smis.nn.discriminators import DiscriminatorConfig
from smis.nn.group_encoder import GroupEncoder
from smis.nn.group_generator import GroupPlan, group_generator, round_up
from smis.nn.label_maps import LabelPyramid
from smis.nn.perceptual import PerceptualConfig
from smis.nn.spade_generator import MULTIPLES, channels_of, start_size

PAPERDOLL: dict[str, Any] = PAPERDOLL_GENERATOR | {
    "hidden": 16,
    "encoder_width": 32,
    "upsamplings": 5,
    # a sum over batch and code: at this size the released 0.05 outweighs the rest, and codes say nothing
    "losses": {"kl": 0.001},
    "init_gain": 0.5,
}
"""For the built-in data set; a system puts its own sizes over it."""


class ClassLatents(VariationalSystem):
    """Encode each class, generate all together.

    Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), Eq. 4 and 5: adversarial, feature matching,
    perceptual and divergence terms. The generator is called with (code, layout), the codes of all classes one after the
    other; a code is a map of the start map's size, or a vector without `upsamplings`.

    Example:
        >>> import torch
        >>> from smis.core.seeding import generator
        >>> from smis.models.groupdnet import Config
        >>> system = Config(preset="paperdoll").build(classes=5, height=64, width=64, training=False).eval()
        >>> labels = torch.arange(64).expand(1, 64, 64) // 16
        >>> style = system.sample(labels, labels, Noise(generator(0)))
        >>> style.classes.shape, system.synthesize(labels, labels, style).shape
        (torch.Size([1, 5, 8, 2, 2]), torch.Size([1, 3, 64, 64]))
    """

    varies = "class"

    def __init__(self, *, latent: int, upsamplings: int | None, **more: Any) -> None:
        super().__init__(**more)
        self.latent, self.upsamplings = latent, upsamplings
        self.interleaved = self.edges

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Sample a latent for every class, present or not."""
        batch, height, width = labels.shape
        size = () if self.upsamplings is None else start_size(height, width, upsamplings=self.upsamplings)
        return self.style(noise.normal(batch, self.classes, self.latent, *size, device=labels.device))

    def synthesize_on(self, layout: LabelPyramid, style: Style) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of a prepared layout, which may be used again."""
        assert style.classes is not None
        return self.generator(style.classes.flatten(1, 2), layout)

    def gaussian(self, image: Image, labels: LabelMap) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of each class's latent, (b, classes, latent, ...) each."""
        mean, log_variance = self.required_encoder()(self.crops(image, labels))
        shape = (self.classes, self.latent)
        return mean.flatten(1, 2).unflatten(1, shape), log_variance.flatten(1, 2).unflatten(1, shape)

    def crops(self, image: Image, labels: LabelMap) -> Crops:
        """Return what the encoder sees."""
        return class_crops(image, labels, classes=self.classes)

    def style(self, latents: Tensor) -> Style:
        """Return the style of each class's latent."""
        return Style(classes=latents)


class ClassLatentsConfig(Config):
    """Sizes of a system that gives each class a latent of its own."""

    paper: ClassVar[str] = (
        'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 4.2; never released, sizes are those that '
        "give the printed number of parameters"
    )
    varies: ClassVar[Literal["class"]] = "class"
    recipes: ClassVar[dict[str, Recipe]] = {
        "deepfashion": Recipe(source="not released; as GroupDNet's", batch=8, epochs=60, decay_epochs=40),
    }
    system: ClassVar[type[ClassLatents]] = ClassLatents
    latent_maps: ClassVar[bool] = True
    """Whether a latent is a map of the start map's size, or else a vector."""

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

    def build(self, *, classes: int, height: int, width: int, training: bool) -> ClassLatents:
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        size = start_size(height, width, upsamplings=self.upsamplings, encoded=self.latent_maps)
        system = self.system(
            generator=self._generator(classes, size),
            encoder=self._encoder(classes),
            discriminator=self.discriminator.build(channels=classes + 3),
            classes=classes,
            latent=self.latent,
            upsamplings=self.upsamplings if self.latent_maps else None,
            losses=self.losses,
        )
        return system.ready(self, training=training)

    def _generator(self, classes: int, size: tuple[int, int]) -> nn.Module:
        """Build the generator of a start map of this size."""
        raise NotImplementedError

    def _encoder(self, classes: int) -> nn.Module:
        width = round_up(self.encoder_width, multiple=classes)
        return GroupEncoder(classes=classes, width=width, latent=self.latent, layers=self.upsamplings)

    def _grouped(self, classes: int, groups: tuple[int, ...]) -> nn.Module:
        """Build a generator of groups, widened to what they can split."""
        plan = GroupPlan(self.channels, groups, "grouped", classes, self.hidden).fitted().checked()
        return group_generator(plan, latent=self.latent, upsamplings=self.upsamplings)
