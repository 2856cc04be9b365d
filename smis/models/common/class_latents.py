"""A system that gives each class a code of its own, whatever its networks: GroupDNet and what it was compared with."""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.losses.adversarial import LossWeights
from smis.models.common import variational
from smis.nn.class_crops import Crops
from smis.nn.gaussian import reparameterize
from smis.nn.layout import LabelPyramid, semantics
from smis.nn.perceptual import PerceptualNetwork

CodeSize = Callable[[int, int], tuple[int, ...]]
"""For an image of (height, width): the size of one channel of a code, (y, x), or () where a code is a vector."""


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
        code_size: CodeSize,
        edges: bool = False,
        losses: LossWeights,
    ) -> None:
        super().__init__()
        self.generator, self.encoder, self.discriminator = generator, encoder, discriminator
        self.crops, self.classes, self.latent, self.code_size, self.edges = crops, classes, latent, code_size, edges
        self.losses = losses

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, GAN_Feat, VGG and KLD for generator and encoder."""
        return variational.generator_terms(self, batch, noise)

    def discriminator_terms(self, batch: Batch, noise: Noise, fakes: Image | None = None) -> dict[str, Tensor]:
        """Return the terms D_Fake and D_Real of `fakes`; without them, of an image that is generated anew."""
        return variational.discriminator_terms(self, batch, noise, fakes)

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Draw a code for every class, present or not."""
        batch, height, width = labels.shape
        size = self.code_size(height, width)
        return Style(classes=noise.normal(batch, self.classes, self.latent, *size, device=labels.device))

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Draw codes near those of an image; without noise, the most likely ones."""
        return Style(classes=reparameterize(*self.gaussian(image, labels), noise))

    def synthesize(
        self, labels: Int[Tensor, "#b h w"], instances: Int[Tensor, "#b h w"], style: Style
    ) -> Float[Tensor, "b 3 h w"]:
        """Make the images; one layout serves any number of codes."""
        return self.synthesize_on(self.layout(labels, instances, remember=False), style)

    def synthesize_on(self, layout: LabelPyramid, style: Style) -> Float[Tensor, "b 3 h w"]:
        """Make the images of a layout that may be used again."""
        assert style.classes is not None
        return self.generate(layout, style.classes)

    def layout(self, labels: LabelMap, instances: InstanceMap, *, remember: bool = True) -> LabelPyramid:
        """Return what the generator is told of the layout."""
        edges = instances if self.edges else None
        return LabelPyramid(labels, edges, classes=self.classes, interleaved=self.edges, remember=remember)

    def semantics(self, labels: LabelMap, instances: InstanceMap) -> Float[Tensor, "b k h w"]:
        """Return what the discriminator is told of the layout."""
        return semantics(labels, instances if self.edges else None, classes=self.classes)

    def gaussian(self, image: Image, labels: LabelMap) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of each class's code, (b, classes, latent, ...) each."""
        mean, log_variance = self.encoder(self.crops(image, labels))
        shape = (self.classes, self.latent)
        return mean.flatten(1, 2).unflatten(1, shape), log_variance.flatten(1, 2).unflatten(1, shape)

    def generate(self, layout: LabelPyramid, code: Float[Tensor, "b k z *size"]) -> Float[Tensor, "b 3 h w"]:
        """Make the images of a layout."""
        return self.generator(code.flatten(1, 2), layout)
