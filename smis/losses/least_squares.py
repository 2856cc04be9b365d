"""The least-squares form of the adversarial loss, and the terms of the systems that use it."""

import torch
from torch import Tensor, nn

from smis.core.shapes import Image
from smis.losses.adversarial import LossWeights
from smis.losses.feature_matching import feature_matching
from smis.losses.perceptual import perceptual_distance
from smis.nn.patch_discriminator import Verdicts, judge, judge_for_generator
from smis.nn.perceptual import PerceptualNetwork


def least_squares(verdicts: Verdicts, *, real: bool) -> Tensor:
    """Ask for verdicts of 1 (real) or 0: the mean square over patches, summed over scales.

    Mao et al., "Least Squares Generative Adversarial Networks" (ICCV 2017), Eq. 9; the sum over scales as in
    Wang et al. (CVPR 2018), Eq. 3. A generator asks the same of its pictures, with `real`.
    """
    return torch.stack([(scale[-1] - float(real)).square().mean() for scale in verdicts]).sum()


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

    Wang et al. (CVPR 2018), Eq. 5, with the perceptual distance of 4.1. As released, the sum over matched layers is
    scaled to that of four.
    """
    assert perceptual is not None, "the system was built with training=False"
    verdicts = judge_for_generator(discriminator, semantics, fake=fake, real=real)
    matched = len(verdicts[0][0]) - 1
    distance = perceptual_distance(perceptual(fake), perceptual.target(real), perceptual.weights)
    return {
        "GAN": least_squares(verdicts[0], real=True),
        "GAN_Feat": weights.feature_matching * 4 / matched * feature_matching(*verdicts, first=weights.first_feature),
        "VGG": weights.perceptual * distance,
    }


def discriminator_terms(discriminator: nn.Module, *, semantics: Tensor, fake: Image, real: Image) -> dict[str, Tensor]:
    """Return the terms D_Fake and D_Real; their sum is halved, as released."""
    on_fake, on_real = judge(discriminator, semantics, fake=fake.detach(), real=real)
    return {
        "D_Fake": least_squares(on_fake, real=False) / 2,
        "D_Real": least_squares(on_real, real=True) / 2,
    }
