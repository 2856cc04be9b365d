"""What systems share: networks, the label map as discriminators read it, and the terms of an adversarial objective."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.errors import CheckpointError
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.models.common.loss_terms import HINGE, AdversarialObjective
from smis.nn.initialize import initialize
from smis.nn.label_maps import label_channels
from smis.nn.perceptual import PerceptualNetwork

System = TypeVar("System", bound="AdversarialSystem")

PIX2PIX_RECIPE: dict[str, Any] = {
    "epochs": 100,
    "decay_epochs": 100,
    "lr_generator": 2e-4,
    "lr_discriminator": 2e-4,
    "betas": (0.5, 0.999),
}
"""Defaults of pix2pixHD's, BicycleGAN's and DSCGAN's released code."""


class AdversarialSystem(nn.Module):
    """A generator, maybe an encoder, and a discriminator that scores images together with their label maps.

    A subclass has `sample` and `encode`, which return a style, and `synthesize`, which generates its images, -1..1.

    Args:
        generator: as the subclass calls it.
        discriminator: called with label map and image, concatenated along channels.
        encoder: None if there is none.
        classes: number of classes.
        edges: whether instance edges are a channel of the label map.
        losses: weights of the generator's terms.
        objective: the adversarial objective.
    """

    varies: str
    perceptual: PerceptualNetwork | None
    encode: Callable[..., Style]
    synthesize: Callable[..., Tensor]

    def __init__(
        self,
        *,
        generator: nn.Module,
        discriminator: nn.Module,
        encoder: nn.Module | None = None,
        classes: int,
        edges: bool = False,
        losses: Any,
        objective: AdversarialObjective = HINGE,
    ) -> None:
        super().__init__()
        self.generator, self.encoder, self.discriminator = generator, encoder, discriminator
        self.classes, self.edges = classes, edges
        self.losses, self.objective = losses, objective
        self.perceptual = None

    def ready(
        self: System, config: Any, *, training: bool, init: Callable[[nn.Module, float], None] = initialize
    ) -> System:
        """Initialize the weights and return the system; for training, it also gets its perceptual network.

        Raises:
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        init(self, config.init_gain)
        self.perceptual = config.perceptual.build() if training else None
        return self

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, GAN_Feat and VGG for the generator."""
        return self.terms_of(batch, self.reconstruct(batch, noise))

    def discriminator_terms(self, batch: Batch, noise: Noise, fakes: Image | None = None) -> dict[str, Tensor]:
        """Return the terms D_Fake and D_Real of `fakes`; without them, of images that are generated anew."""
        with torch.no_grad():
            fake = self.reconstruct(batch, noise) if fakes is None else fakes
        known = self.label_channels(batch.labels, batch.instances)
        return self.objective.discriminator_terms(self.discriminator, label_channels=known, fake=fake, real=batch.image)

    def terms_of(self, batch: Batch, fake: Image) -> dict[str, Tensor]:
        """Return the generator's terms GAN, GAN_Feat and VGG for an image of each label map."""
        known = self.label_channels(batch.labels, batch.instances)
        return self.objective.generator_terms(
            self.discriminator, self.perceptual, label_channels=known, fake=fake, real=batch.image, weights=self.losses
        )

    def reconstruct(self, batch: Batch, noise: Noise) -> Image:
        """Generate images from the encoded styles of a batch's own, or from sampled ones without an encoder."""
        style = self.encode(batch.image, batch.labels, batch.instances, noise)
        return self.synthesize(batch.labels, batch.instances, style)

    def required_encoder(self) -> nn.Module:
        """Return the encoder, without which images can be neither encoded nor learned from.

        Raises:
            CheckpointError: if the checkpoint that the system was loaded from has none.
        """
        if self.encoder is None:
            raise CheckpointError(
                f"this checkpoint of {type(self).__name__} has no encoder's weights, without which it can neither be "
                "trained nor encode images; import it again with --encoder FILE"
            )
        return self.encoder

    def label_channels(self, labels: LabelMap, instances: InstanceMap) -> Float[Tensor, "b k h w"]:
        """Return the label map as the discriminator reads it."""
        return label_channels(labels, instances if self.edges else None, classes=self.classes)


class GlobalLatentSystem(AdversarialSystem):
    """A system whose generator reads label map and one short latent, (b, latent): BicycleGAN and DSCGAN.

    Their releases have dropout at test time too, by default; here one latent has one image. Their discriminators see
    the images of the generator's step; here they are generated anew, as for other systems.
    """

    varies = "global"

    def __init__(self, *, latent: int, dropout: bool, **more: Any) -> None:
        super().__init__(**more)
        self.latent, self.dropout = latent, dropout

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Sample one latent for each image."""
        return Style(global_latent=self.sample_latents(labels, noise))

    def sample_latents(self, labels: LabelMap, noise: Noise) -> Float[Tensor, "b z"]:
        """Sample one latent for each image."""
        return noise.normal(len(labels), self.latent, device=labels.device)

    def synthesize(
        self, labels: Int[Tensor, "#b h w"], instances: Int[Tensor, "#b h w"], style: Style
    ) -> Float[Tensor, "b 3 h w"]:
        """Generate the images; one layout serves any number of latents."""
        assert style.global_latent is not None
        known = self.label_channels(labels, instances)
        return self.generator(known.expand(len(style.global_latent), -1, -1, -1), style.global_latent)

    def generate(self, known: Tensor, code: Tensor, noise: Noise) -> Image:
        """Generate the images of latents; in training with dropout, if the system has it."""
        return self.generator(known, code, noise if self.dropout and self.training else None)
