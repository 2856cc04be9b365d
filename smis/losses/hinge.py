"""The hinge form of the adversarial loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

from smis.nn.patch_discriminator import Verdicts


def generator_hinge(fake: Verdicts) -> Tensor:
    """Reward verdicts of "real" on generated patches: the mean over scales of -D(fake).

    Lim and Ye, "Geometric GAN" (2017), Eq. 19; the mean over scales as in Park et al. (CVPR 2019).
    """
    return torch.stack([-scale[-1].mean() for scale in fake]).mean()


def discriminator_hinge(verdicts: Verdicts, *, real: bool) -> Tensor:
    """Ask for verdicts above 1 on real patches, or below -1 on generated ones: the mean over scales."""
    sign = -1.0 if real else 1.0
    return torch.stack([F.relu(1 + sign * scale[-1]).mean() for scale in verdicts]).mean()
