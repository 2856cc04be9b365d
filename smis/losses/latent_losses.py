"""Losses on latents: KL divergence and diversity."""

from jaxtyping import Float
from torch import Tensor

from smis.core.shapes import Image


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Sum the divergence of N(mean, exp(log_variance)) from N(0, 1) over batch and latent.

    Kingma and Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), Appendix B. A sum, as released: its weight
    against the other terms, which are means, grows with the batch.

    Example:
        >>> import torch
        >>> kl_divergence(torch.ones(2, 8), torch.zeros(2, 8))
        tensor(8.)
    """
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


def diversity_loss(
    image: Image, other: Image, *, latent: Float[Tensor, "b z"], other_latent: Float[Tensor, "b z"]
) -> Tensor:
    """Return minus the distance of two images of one layout over the distance of their latents: the batch's mean.

    Yang et al., "Diversity-Sensitive Conditional Generative Adversarial Networks" (ICLR 2019), Eq. 4; as released
    distances are mean absolute differences, nothing is clamped, and gradients reach the first image alone.

    Example:
        >>> import torch
        >>> black, white = -torch.ones(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
        >>> diversity_loss(white, black, latent=torch.ones(1, 8), other_latent=torch.zeros(1, 8)).round(decimals=3)
        tensor(-2.)
    """
    image_distance = (image - other.detach()).abs().mean(dim=(1, 2, 3))
    latent_distance = (latent - other_latent).abs().mean(dim=1)
    return -(image_distance / (latent_distance + 1e-5)).mean()
