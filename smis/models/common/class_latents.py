"""A system that gives each class a latent of its own, whatever its networks: GroupDNet and its ablations."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal, TypeVar

from jaxtyping import Float, Int
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.config import Config
from smis.core.recipe import Recipe
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.models.common.loss_terms import LossWeights, variational_discriminator_terms, variational_generator_terms
from smis.nn.class_crops import Crops, class_crops
from smis.nn.discriminators import DiscriminatorConfig
from smis.nn.image_encoder import reparameterize
from smis.nn.initialize import initialize
from smis.nn.label_maps import LabelPyramid, label_channels
from smis.nn.perceptual import PerceptualConfig, PerceptualNetwork
from smis.nn.spade_generator import MULTIPLES, channels_of, start_size

LatentSize = Callable[[int, int], tuple[int, ...]]
"""For an image of (height, width): the size of one channel of a code, (y, x), or () where a code is a vector."""

S = TypeVar("S", bound="ClassLatents")

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
    """Sizes of a system that gives each class a latent of its own."""

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
        latent_size: LatentSize | None = None,
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
            latent_size=latent_size or partial(start_size, upsamplings=self.upsamplings),
            losses=self.losses,
        )
        initialize(system, gain=self.init_gain)
        system.perceptual = self.perceptual.build() if training else None
        return system


class ClassLatents(nn.Module):
    """Encode each class, generate all together.

    Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), Eq. 4 and 5: adversarial, feature matching,
    perceptual and divergence terms. `crops` is what the encoder sees of (image, labels); the generator is called with
    (code, layout), the codes of all classes one after the other.
    """

    varies = "class"
    perceptual: PerceptualNetwork | None

    def __init__(
        self,
        *,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: nn.Module,
        crops: Callable[[Tensor, Tensor], Crops],
        classes: int,
        latent: int,
        latent_size: LatentSize,
        edges: bool = False,
        losses: LossWeights,
    ) -> None:
        super().__init__()
        self.generator, self.encoder, self.discriminator = generator, encoder, discriminator
        self.crops, self.classes, self.latent, self.latent_size, self.edges = crops, classes, latent, latent_size, edges
        self.losses = losses

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, GAN_Feat, VGG and KLD for generator and encoder."""
        return variational_generator_terms(self, batch, noise)

    def discriminator_terms(self, batch: Batch, noise: Noise, fakes: Image | None = None) -> dict[str, Tensor]:
        """Return the terms D_Fake and D_Real of the image that was made, or else of one that is generated anew."""
        return variational_discriminator_terms(self, batch, noise, fakes)

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Sample a latent for every class, present or not."""
        batch, height, width = labels.shape
        size = self.latent_size(height, width)
        return Style(classes=noise.normal(batch, self.classes, self.latent, *size, device=labels.device))

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Sample latents near those of an image; without noise, the most likely ones."""
        return Style(classes=reparameterize(*self.gaussian(image, labels), noise))

    def synthesize(
        self, labels: Int[Tensor, "#b h w"], instances: Int[Tensor, "#b h w"], style: Style
    ) -> Float[Tensor, "b 3 h w"]:
        """Generate the images; one layout serves any number of latents."""
        return self.synthesize_on(self.layout(labels, instances, cache=False), style)

    def synthesize_on(self, layout: LabelPyramid, style: Style) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of a prepared layout, which may be used again."""
        assert style.classes is not None
        return self.generate(layout, style.classes)

    def layout(self, labels: LabelMap, instances: InstanceMap, *, cache: bool = True) -> LabelPyramid:
        """Return the layout as the generator reads it."""
        edges = instances if self.edges else None
        return LabelPyramid(labels, edges, classes=self.classes, interleaved=self.edges, cache=cache)

    def label_channels(self, labels: LabelMap, instances: InstanceMap) -> Float[Tensor, "b k h w"]:
        """Return the layout as the discriminator reads it."""
        return label_channels(labels, instances if self.edges else None, classes=self.classes)

    def gaussian(self, image: Image, labels: LabelMap) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of each class's latent, (b, classes, latent, ...) each."""
        mean, log_variance = self.encoder(self.crops(image, labels))
        shape = (self.classes, self.latent)
        return mean.flatten(1, 2).unflatten(1, shape), log_variance.flatten(1, 2).unflatten(1, shape)

    def generate(self, layout: LabelPyramid, code: Float[Tensor, "b k z *size"]) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of a layout."""
        return self.generator(code.flatten(1, 2), layout)
