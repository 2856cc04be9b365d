"""The adversarial objectives that several systems share: hinge (SPADE) and least squares (pix2pixHD)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pydantic import NonNegativeFloat, NonNegativeInt
from torch import Tensor, nn

from smis.core.config import Config
from smis.core.shapes import Image
from smis.losses.adversarial_losses import discriminator_hinge, feature_matching, generator_hinge, least_squares
from smis.losses.perceptual_loss import perceptual_loss
from smis.nn.discriminators import DiscriminatorOutputs, discriminate, discriminate_for_generator
from smis.nn.perceptual import PerceptualNetwork


class LossWeights(Config):
    """Weights of the generator's terms against the adversarial one; the defaults are those of every release."""

    feature_matching: NonNegativeFloat = 10.0
    first_feature: NonNegativeInt = 0
    """The first of the discriminator's layers whose features are matched."""
    perceptual: NonNegativeFloat = 10.0
    kl: NonNegativeFloat = 0.05


@dataclass(frozen=True)
class AdversarialObjective:
    """The two sides of an adversarial objective, with feature matching and perceptual loss.

    Example:
        >>> import torch
        >>> from smis.nn.discriminators import MultiscaleDiscriminator
        >>> labels, image = torch.rand(1, 5, 16, 16), torch.rand(1, 3, 16, 16)
        >>> terms = HINGE.discriminator_terms(
        ...     MultiscaleDiscriminator(8, width=4, layers=2), label_channels=labels, fake=image, real=image
        ... )
        >>> bool(terms["D_Fake"] + terms["D_Real"] >= 1.99)  # equal images cannot be told apart
        True
    """

    generator_loss: Callable[[DiscriminatorOutputs], Tensor]
    discriminator_loss: Callable[..., Tensor]
    """Called with outputs and `real`."""
    discriminator_weight: float = 1.0
    matched_layers: int | None = None
    """The sum over matched layers is scaled to that of so many; None leaves it."""

    def generator_terms(
        self,
        discriminator: nn.Module,
        perceptual: PerceptualNetwork | None,
        *,
        label_channels: Tensor,
        fake: Image,
        real: Image,
        weights: LossWeights,
    ) -> dict[str, Tensor]:
        """Return the weighted terms GAN, GAN_Feat and VGG."""
        assert perceptual is not None, "the system was built with training=False"
        on_fake, on_real = discriminate_for_generator(discriminator, label_channels, fake=fake, real=real)
        matching = feature_matching(on_fake, on_real, first=weights.first_feature)
        matching_weight = weights.feature_matching
        if self.matched_layers is not None:
            matching_weight = matching_weight * self.matched_layers / (len(on_fake[0]) - 1)
        distance = perceptual_loss(perceptual(fake), perceptual.target(real), perceptual.weights)
        return {
            "GAN": self.generator_loss(on_fake),
            "GAN_Feat": matching_weight * matching,
            "VGG": weights.perceptual * distance,
        }

    def discriminator_terms(
        self, discriminator: nn.Module, *, label_channels: Tensor, fake: Image, real: Image
    ) -> dict[str, Tensor]:
        """Return the terms D_Fake and D_Real, weighted."""
        on_fake, on_real = discriminate(discriminator, label_channels, fake=fake.detach(), real=real)
        return {
            "D_Fake": self.discriminator_weight * self.discriminator_loss(on_fake, real=False),
            "D_Real": self.discriminator_weight * self.discriminator_loss(on_real, real=True),
        }


HINGE = AdversarialObjective(generator_hinge, discriminator_hinge)
"""Park et al. (CVPR 2019), 3 and A; the sum of the discriminator's terms is not halved, as released."""
LEAST_SQUARES = AdversarialObjective(
    partial(least_squares, real=True), least_squares, discriminator_weight=0.5, matched_layers=4
)
"""Wang et al. (CVPR 2018), Eq. 5, with the perceptual loss of 4.1; halved and scaled to four layers, as released."""
