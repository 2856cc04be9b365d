"""The loss terms that SPADE and the systems built on it share."""

from pydantic import NonNegativeFloat, NonNegativeInt
from torch import Tensor, nn

from smis.core.config import Config
from smis.core.shapes import Image
from smis.losses.feature_matching import feature_matching
from smis.losses.hinge import discriminator_hinge, generator_hinge
from smis.losses.perceptual import perceptual_distance
from smis.nn.patch_discriminator import judge, judge_for_generator
from smis.nn.perceptual import PerceptualNetwork


class LossWeights(Config):
    """Weights of the generator's terms against the adversarial one; the defaults are those of every release."""

    feature_matching: NonNegativeFloat = 10.0
    first_feature: NonNegativeInt = 0
    """The first of the discriminator's layers whose features are matched."""
    perceptual: NonNegativeFloat = 10.0
    kl: NonNegativeFloat = 0.05


def generator_terms(
    discriminator: nn.Module,
    perceptual: PerceptualNetwork | None,
    *,
    semantics: Tensor,
    fake: Image,
    real: Image,
    weights: LossWeights,
) -> dict[str, Tensor]:
    """Return the weighted terms GAN, GAN_Feat and VGG.

    Park et al. (CVPR 2019), 3 and A: hinge, feature matching and perceptual distance.
    """
    assert perceptual is not None, "the system was built with training=False"
    verdicts = judge_for_generator(discriminator, semantics, fake=fake, real=real)
    matching = feature_matching(*verdicts, first=weights.first_feature)
    distance = perceptual_distance(perceptual(fake), perceptual.target(real), perceptual.weights)
    return {
        "GAN": generator_hinge(verdicts[0]),
        "GAN_Feat": weights.feature_matching * matching,
        "VGG": weights.perceptual * distance,
    }


def discriminator_terms(discriminator: nn.Module, *, semantics: Tensor, fake: Image, real: Image) -> dict[str, Tensor]:
    """Return the terms D_Fake and D_Real; their sum is not halved, as released."""
    on_fake, on_real = judge(discriminator, semantics, fake=fake.detach(), real=real)
    return {
        "D_Fake": discriminator_hinge(on_fake, real=False),
        "D_Real": discriminator_hinge(on_real, real=True),
    }
