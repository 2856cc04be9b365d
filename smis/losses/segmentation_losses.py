"""Losses of a discriminator that segments: cross entropy with balanced classes, and consistency under LabelMix."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from smis.nn.label_mix import label_mix


def class_balance(counts: Int[Tensor, " k"], *, pixels: int | Tensor) -> Float[Tensor, " k"]:
    """Return the weight of each class, inversely proportional to its pixels; a class without pixels has 0.

    Sushko et al. (ICLR 2021), 3.2; divided by the number of classes that there are, as released.

    Args:
        counts: Pixels of each class; 0 for one that shall not count.
        pixels: All pixels.

    Example:
        >>> class_balance(torch.tensor([0, 4, 12]), pixels=24)
        tensor([0., 3., 1.])
    """
    shares = counts * (counts > 0).sum()
    return torch.where(counts > 0, pixels / shares.clamp(min=1).to(torch.get_default_dtype()), 0)


def real_segmentation(
    logits: Float[Tensor, "b n h w"], labels: Int[Tensor, "b h w"], weights: Float[Tensor, " k"]
) -> Tensor:
    """Return the cross entropy of each pixel's own class (channel class + 1), weighted by class: the mean of pixels.

    Sushko et al. (ICLR 2021), Eq. 1 and 2. Pixels of a class of weight 0 stay in the denominator, as released.

    Example:
        >>> logits = torch.zeros(1, 3, 1, 2)
        >>> real_segmentation(logits, torch.tensor([[[0, 1]]]), torch.tensor([0.0, 2.0]))
        tensor(1.0986)
    """
    with_fake = torch.cat([weights.new_zeros(1), weights]).to(logits.dtype)
    return F.cross_entropy(logits, labels + 1, weight=with_fake, reduction="sum") / labels.numel()


def fake_segmentation(logits: Float[Tensor, "b n h w"]) -> Tensor:
    """Return the cross entropy of the class "generated" (channel 0): the mean of pixels, all of the same weight.

    Sushko et al. (ICLR 2021), Eq. 1.

    Example:
        >>> fake_segmentation(torch.zeros(1, 3, 1, 2))
        tensor(1.0986)
    """
    return -F.log_softmax(logits, dim=1)[:, 0].mean()


def label_mix_consistency(
    mask: Float[Tensor, "b 1 h w"],
    *,
    on_real: Float[Tensor, "b n h w"],
    on_fake: Float[Tensor, "b n h w"],
    on_mixed: Float[Tensor, "b n h w"],
) -> Tensor:
    """Return the mean square distance of the logits of a mixed image from the mixed logits.

    Sushko et al. (ICLR 2021), Eq. 3; gradients go through all three.

    Example:
        >>> mask, ones = torch.tensor([[[[1.0, 0.0]]]]), torch.ones(1, 2, 1, 2)
        >>> label_mix_consistency(mask, on_real=ones, on_fake=3 * ones, on_mixed=ones)
        tensor(2.)
    """
    return F.mse_loss(label_mix(mask, on_real, on_fake), on_mixed)
