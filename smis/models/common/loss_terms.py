"""The loss terms that several systems share: hinge (SPADE), least squares (pix2pixHD) and variational ones."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import torch
from pydantic import NonNegativeFloat, NonNegativeInt
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.config import Config
from smis.core.seeding import Noise
from smis.core.shapes import Image
from smis.losses.adversarial_losses import discriminator_hinge, feature_matching, generator_hinge, least_squares
from smis.losses.latent_losses import kl_divergence
from smis.losses.perceptual_loss import perceptual_loss
from smis.nn.discriminators import discriminate, discriminate_for_generator
from smis.nn.image_encoder import reparameterize
from smis.nn.perceptual import PerceptualNetwork


class LossWeights(Config):
    """Weights of the generator's terms against the adversarial one; the defaults are those of every release."""

    feature_matching: NonNegativeFloat = 10.0
    first_feature: NonNegativeInt = 0
    """The first of the discriminator's layers whose features are matched."""
    perceptual: NonNegativeFloat = 10.0
    kl: NonNegativeFloat = 0.05


class AdversarialObjective(NamedTuple):
    """The two sides of an adversarial objective; each returns weighted terms by name."""

    generator_terms: Callable[..., dict[str, Tensor]]
    discriminator_terms: Callable[..., dict[str, Tensor]]


def hinge_generator_terms(
    discriminator: nn.Module,
    perceptual: PerceptualNetwork | None,
    *,
    label_channels: Tensor,
    fake: Image,
    real: Image,
    weights: LossWeights,
) -> dict[str, Tensor]:
    """Return the weighted terms GAN, GAN_Feat and VGG.

    Park et al. (CVPR 2019), 3 and A: hinge, feature matching and perceptual loss.
    """
    assert perceptual is not None, "the system was built with training=False"
    on_fake, on_real = discriminate_for_generator(discriminator, label_channels, fake=fake, real=real)
    matching = feature_matching(on_fake, on_real, first=weights.first_feature)
    distance = perceptual_loss(perceptual(fake), perceptual.target(real), perceptual.weights)
    return {
        "GAN": generator_hinge(on_fake),
        "GAN_Feat": weights.feature_matching * matching,
        "VGG": weights.perceptual * distance,
    }


def hinge_discriminator_terms(
    discriminator: nn.Module, *, label_channels: Tensor, fake: Image, real: Image
) -> dict[str, Tensor]:
    """Return the terms D_Fake and D_Real; their sum is not halved, as released."""
    on_fake, on_real = discriminate(discriminator, label_channels, fake=fake.detach(), real=real)
    return {
        "D_Fake": discriminator_hinge(on_fake, real=False),
        "D_Real": discriminator_hinge(on_real, real=True),
    }


def least_squares_generator_terms(
    discriminator: nn.Module,
    perceptual: PerceptualNetwork | None,
    *,
    label_channels: Tensor,
    fake: Image,
    real: Image,
    weights: LossWeights,
) -> dict[str, Tensor]:
    """Return the weighted terms GAN, GAN_Feat and VGG.

    Wang et al. (CVPR 2018), Eq. 5, with the perceptual loss of 4.1. As released, the sum over matched layers is
    scaled to that of four.
    """
    assert perceptual is not None, "the system was built with training=False"
    on_fake, on_real = discriminate_for_generator(discriminator, label_channels, fake=fake, real=real)
    layers = len(on_fake[0]) - 1
    distance = perceptual_loss(perceptual(fake), perceptual.target(real), perceptual.weights)
    matching = feature_matching(on_fake, on_real, first=weights.first_feature)
    return {
        "GAN": least_squares(on_fake, real=True),
        "GAN_Feat": weights.feature_matching * 4 / layers * matching,
        "VGG": weights.perceptual * distance,
    }


def least_squares_discriminator_terms(
    discriminator: nn.Module, *, label_channels: Tensor, fake: Image, real: Image
) -> dict[str, Tensor]:
    """Return the terms D_Fake and D_Real; their sum is halved, as released."""
    on_fake, on_real = discriminate(discriminator, label_channels, fake=fake.detach(), real=real)
    return {
        "D_Fake": least_squares(on_fake, real=False) / 2,
        "D_Real": least_squares(on_real, real=True) / 2,
    }


HINGE = AdversarialObjective(hinge_generator_terms, hinge_discriminator_terms)
LEAST_SQUARES = AdversarialObjective(least_squares_generator_terms, least_squares_discriminator_terms)


@runtime_checkable
class Variational(Protocol):
    """A system that encodes an image as a Gaussian, samples a latent from it, and generates from that."""

    if TYPE_CHECKING:  # since Python 3.12 isinstance does not see the networks that a network holds

        @property
        def discriminator(self) -> nn.Module: ...  # noqa: D102
        @property
        def perceptual(self) -> PerceptualNetwork | None: ...  # noqa: D102
        @property
        def losses(self) -> LossWeights: ...  # noqa: D102

    def gaussian(self, image: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of an image's code."""
        ...

    def label_channels(self, labels: Tensor, instances: Tensor) -> Tensor:
        """Return the layout as the discriminator reads it."""
        ...

    def layout(self, labels: Tensor, instances: Tensor, *, cache: bool) -> Any:
        """Return the layout as the generator reads it."""
        ...

    def generate(self, layout: Any, code: Tensor) -> Tensor:
        """Generate the images of a layout."""
        ...


def variational_generator_terms(system: Variational, batch: Batch, noise: Noise) -> dict[str, Tensor]:
    """Return the weighted terms GAN, GAN_Feat, VGG and KLD for generator and encoder."""
    mean, log_variance = system.gaussian(batch.image, batch.labels)
    layout = system.layout(batch.labels, batch.instances, cache=False)
    terms = hinge_generator_terms(
        system.discriminator,
        system.perceptual,
        label_channels=system.label_channels(batch.labels, batch.instances),
        fake=system.generate(layout, reparameterize(mean, log_variance, noise)),
        real=batch.image,
        weights=system.losses,
    )
    # a sum over the batch, where the other terms are means
    return terms | {"KLD": system.losses.kl * batch.shares * kl_divergence(mean, log_variance)}


def variational_discriminator_terms(
    system: Variational, batch: Batch, noise: Noise, fakes: Image | None = None
) -> dict[str, Tensor]:
    """Return the terms D_Fake and D_Real of `fakes`; without them, of a new reconstruction, as released."""
    return hinge_discriminator_terms(
        system.discriminator,
        label_channels=system.label_channels(batch.labels, batch.instances),
        fake=_regenerate(system, batch, noise) if fakes is None else fakes,
        real=batch.image,
    )


@torch.no_grad()
def _regenerate(system: Variational, batch: Batch, noise: Noise) -> Image:
    layout = system.layout(batch.labels, batch.instances, cache=False)
    return system.generate(layout, reparameterize(*system.gaussian(batch.image, batch.labels), noise))
