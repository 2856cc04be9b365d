"""Codes drawn from the Gaussian that an encoder describes."""

from jaxtyping import Float
from torch import Tensor

from smis.core.seeding import Noise


def reparameterize(
    mean: Float[Tensor, "b *code"], log_variance: Float[Tensor, "b *code"], noise: Noise | None
) -> Float[Tensor, "b *code"]:
    """Draw a code that gradients pass through; without noise, return the mean.

    Kingma and Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), Eq. 10.
    """
    if noise is None:
        return mean
    return mean + noise.normal(*mean.shape, device=mean.device) * (0.5 * log_variance).exp()
