"""Keep codes near the standard normal distribution that they are drawn from at test time."""

from torch import Tensor


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Sum the divergence of N(mean, exp(log_variance)) from N(0, 1) over batch and code.

    Kingma and Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), Appendix B. A sum, as released: its weight
    against the other terms, which are means, grows with the batch.
    """
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
