"""Distance of two images in the features of a fixed network."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def perceptual_distance(fake: Sequence[Tensor], real: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Sum the mean absolute differences of each slice's features, weighted.

    Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (ECCV 2016), in the form of
    Wang et al. (CVPR 2018). Slices of weight 0 cost nothing here.
    """
    terms = [
        weight * F.l1_loss(ours, theirs.detach())
        for ours, theirs, weight in zip(fake, real, weights, strict=True)
        if weight
    ]
    return sum(terms, start=fake[0].new_zeros(()))
