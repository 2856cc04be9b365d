"""Reward codes that differ for pictures that differ."""

from jaxtyping import Float
from torch import Tensor

from smis.core.shapes import Image


def diversity(image: Image, other: Image, *, code: Float[Tensor, "b z"], other_code: Float[Tensor, "b z"]) -> Tensor:
    """Return minus the mean over the batch of how far two pictures of one layout are apart for how far their codes are.

    Yang et al., "Diversity-Sensitive Conditional Generative Adversarial Networks" (ICLR 2019), Eq. 4; as released
    distances are mean absolute differences, nothing is clamped, and only the first picture learns.
    """
    apart = (image - other.detach()).abs().mean(dim=(1, 2, 3))
    meant = (code - other_code).abs().mean(dim=1)
    return -(apart / (meant + 1e-5)).mean()
