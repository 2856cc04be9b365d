"""Systems whose generator reads the label map at every size: SPADE, and those that encode an image as a Gaussian."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from smis.core.batch import Batch
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.losses.latent_losses import kl_divergence
from smis.models.common.adversarial_system import AdversarialSystem
from smis.nn.image_encoder import reparameterize
from smis.nn.label_maps import LabelPyramid

PAPERDOLL_GENERATOR: dict[str, Any] = {
    "width": 16,
    "multiples": (8, 8, 8, 8, 8, 4, 2, 1),
    "upsamplings": 4,
    "discriminator": {"width": 32, "layers": 3},
    "perceptual": {"network": "stlpips_vgg16", "slices": (8.0, 8.0), "shrink": 2},
}
"""For the built-in data set; a system puts its own sizes over it."""
CLOTHING_GENERATOR: dict[str, Any] = {
    "multiples": (7, 7, 7, 7, 6, 5, 3, 2),
    "discriminator": {"width": 48, "layers": 3},
    "perceptual": {"network": "stlpips_vgg16", "slices": (4.0, 4.0, 4.0), "shrink": 2},
}
"""What photographs of 128 x 64 need besides: channels where the image has its size, and a finer perceptual slice."""


class LayoutSystem(AdversarialSystem):
    """A system that generates on a layout, which can be prepared once for many latents."""

    interleaved = False
    """Whether each class's channel stands beside the edges."""

    def synthesize(
        self, labels: Int[Tensor, "#b h w"], instances: Int[Tensor, "#b h w"], style: Style
    ) -> Float[Tensor, "b 3 h w"]:
        """Generate the images; one layout serves any number of latents."""
        return self.synthesize_on(self.layout(labels, instances, cache=False), style)

    def synthesize_on(self, layout: LabelPyramid, style: Style) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of a prepared layout, which may be used again."""
        raise NotImplementedError

    def layout(self, labels: LabelMap, instances: InstanceMap, *, cache: bool = True) -> LabelPyramid:
        """Return the layout as the generator reads it."""
        edges = instances if self.edges else None
        return LabelPyramid(labels, edges, classes=self.classes, interleaved=self.interleaved, cache=cache)


class DeterministicSystem(LayoutSystem):
    """A system in which the label map alone decides the image: nothing is sampled.

    Without an encoder, the generator is called with (layout, layout).
    """

    varies = "nothing"

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Return a latent without channels: it only says how many images there are."""
        return Style(global_latent=torch.zeros(len(labels), 0, device=labels.device))

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Return the same empty code: an image tells nothing that the label map does not."""
        return self.sample(labels, instances, noise)

    def synthesize_on(self, layout: LabelPyramid, style: Style) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of a prepared layout, which may be used again; it has the same image for each code."""
        assert style.global_latent is not None
        return self.generator(layout, layout).expand(len(style.global_latent), -1, -1, -1)


class VariationalSystem(LayoutSystem):
    """A system that encodes an image as a Gaussian, samples a latent from it, and generates from that."""

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, GAN_Feat, VGG and KLD for generator and encoder."""
        mean, log_variance = self.gaussian(batch.image, batch.labels)
        style = self.style(reparameterize(mean, log_variance, noise))
        terms = self.terms_of(batch, self.synthesize(batch.labels, batch.instances, style))
        # a sum over the batch, where the other terms are means
        return terms | {"KLD": self.losses.kl * batch.shares * kl_divergence(mean, log_variance)}

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Sample latents near those of an image; without noise, the most likely ones."""
        return self.style(reparameterize(*self.gaussian(image, labels), noise))

    def gaussian(self, image: Image, labels: LabelMap) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of an image's latents."""
        raise NotImplementedError

    def style(self, latents: Tensor) -> Style:
        """Return the style of latents."""
        raise NotImplementedError


class ImageLatents(VariationalSystem):
    """Encode the whole image as one latent, generate from it: the generator is called with (latent, layout).

    Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019), 4 and A.
    """

    varies = "global"

    def __init__(self, *, latent: int, **more: Any) -> None:
        super().__init__(**more)
        self.latent = latent

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Sample one latent for each image."""
        return self.style(noise.normal(len(labels), self.latent, device=labels.device))

    def synthesize_on(self, layout: LabelPyramid, style: Style) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of a prepared layout, which may be used again."""
        return self.generator(style.global_latent, layout)

    def gaussian(self, image: Image, labels: LabelMap) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the latent, (b, latent) each."""
        return self.required_encoder()(image)

    def style(self, latents: Tensor) -> Style:
        """Return the style of one latent for each image."""
        return Style(global_latent=latents)
