"""LabelMix: one image of two, by the classes of their common label map."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def label_mix_mask(
    labels: Int[Tensor, "b h w"], coins: Int[Tensor, " k"], *, redraw_unknown: bool = False
) -> Float[Tensor, "b 1 h w"]:
    """Return the coin (0 or 1) of each pixel's class.

    Sushko et al. (ICLR 2021), 3.3. As released one coin for each class of the batch, in the paper of each image.

    Args:
        labels: Class ids 0..k-1.
        coins: One for each class.
        redraw_unknown: As released: coins are written into the map of ids in place, so pixels of class 0 whose coin is
            1 become class 1, and where the batch has class 1, get its coin.

    Example:
        >>> label_mix_mask(torch.tensor([[[0, 1, 2]]]), torch.tensor([1, 0, 1])).flatten()
        tensor([1., 0., 1.])
        >>> label_mix_mask(torch.tensor([[[0, 1, 2]]]), torch.tensor([1, 0, 1]), redraw_unknown=True).flatten()
        tensor([0., 0., 1.])
    """
    if redraw_unknown and len(coins) > 1:
        again = torch.where((labels == 1).any(), coins[0] * coins[1], coins[0])
        coins = torch.cat([again.view(1), coins[1:]])
    return coins[labels].unsqueeze(1).float()


def label_mix(
    mask: Float[Tensor, "b 1 h w"], first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"]
) -> Float[Tensor, "b c h w"]:
    """Take the first where the mask is 1, the second where it is 0.

    Example:
        >>> label_mix(torch.tensor([[[[1.0, 0.0]]]]), torch.ones(1, 1, 1, 2), torch.full((1, 1, 1, 2), 5.0)).flatten()
        tensor([1., 5.])
    """
    return torch.where(mask.bool(), first, second)
