"""Losses on discriminator outputs: hinge, least squares and feature matching."""

import torch
import torch.nn.functional as F
from torch import Tensor

from smis.nn.discriminators import DiscriminatorOutputs


def generator_hinge(fake: DiscriminatorOutputs) -> Tensor:
    """Return the mean over scales of -D(fake).

    Lim and Ye, "Geometric GAN" (2017), Eq. 19; the mean over scales as in Park et al. (CVPR 2019).

    Example:
        >>> generator_hinge([[torch.full((1, 1, 2, 2), 0.5)]])
        tensor(-0.5000)
    """
    return torch.stack([-scale[-1].mean() for scale in fake]).mean()


def discriminator_hinge(outputs: DiscriminatorOutputs, *, real: bool) -> Tensor:
    """Penalize outputs below 1 on real patches, or above -1 on generated ones: the mean over scales.

    The other side of `generator_hinge` in Lim and Ye (2017).

    Example:
        >>> discriminator_hinge([[torch.full((1, 1, 2, 2), 0.5)]], real=True)
        tensor(0.5000)
    """
    sign = -1.0 if real else 1.0
    return torch.stack([F.relu(1 + sign * scale[-1]).mean() for scale in outputs]).mean()


def least_squares(outputs: DiscriminatorOutputs, *, real: bool) -> Tensor:
    """Return the mean square distance of patches from 1 (real) or 0 (generated), summed over scales.

    Mao et al., "Least Squares Generative Adversarial Networks" (ICCV 2017), Eq. 9; the sum over scales as in
    Wang et al. (CVPR 2018), Eq. 3. A generator's loss is that of its images with `real`.

    Example:
        >>> least_squares([[torch.full((1, 1, 2, 2), 0.5)]], real=True)
        tensor(0.2500)
    """
    return torch.stack([(scale[-1] - float(real)).square().mean() for scale in outputs]).sum()


def feature_matching(fake: DiscriminatorOutputs, real: DiscriminatorOutputs, *, first: int = 0) -> Tensor:
    """Compare all but the last layer's outputs by mean absolute difference: summed over layers, averaged over scales.

    Wang et al. (CVPR 2018), Eq. 4. `first` leaves out the layers before it (INADE starts at 3).

    Example:
        >>> features, scores = torch.zeros(1, 8, 4, 4), torch.zeros(1, 1, 2, 2)
        >>> feature_matching([[features, features, scores]], [[features + 1, features + 2, scores + 9]])
        tensor(3.)
    """
    terms = [
        F.l1_loss(fake_features, real_features.detach())
        for fake_scale, real_scale in zip(fake, real, strict=True)
        for fake_features, real_features in zip(fake_scale[first:-1], real_scale[first:-1], strict=True)
    ]
    return sum(terms, start=fake[0][-1].new_zeros(())) / len(fake)
