"""Distance of two images in the features of a fixed network."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def perceptual_loss(fake: Sequence[Tensor], real: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Sum the mean absolute differences of each slice's features, weighted.

    Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (ECCV 2016), in the form of
    Wang et al. (CVPR 2018). Slices of weight 0 are not compared.

    Example:
        >>> import torch
        >>> perceptual_loss([torch.zeros(1, 4, 8, 8)], [torch.ones(1, 4, 8, 8)], weights=[0.5])
        tensor(0.5000)
    """
    terms = [
        weight * F.l1_loss(fake_features, real_features.detach())
        for fake_features, real_features, weight in zip(fake, real, weights, strict=True)
        if weight
    ]
    return sum(terms, start=fake[0].new_zeros(()))
