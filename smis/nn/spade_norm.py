"""Spatially-adaptive normalisation."""

from jaxtyping import Float
from torch import Tensor, nn

from smis.nn.batch_norm import BatchNorm


class SpadeNorm(nn.Module):
    """Normalise the features, then scale and shift each place by the label map there.

    Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019), Eq. 1.
    The network learns gamma - 1, so that it starts from the plain normalisation. One label map serves any number of
    features (a batch of 1 is broadcast).
    """

    def __init__(self, channels: int, *, semantics: int, hidden: int = 128) -> None:
        super().__init__()
        self.param_free_norm = BatchNorm(channels)
        self.mlp_shared = nn.Sequential(nn.Conv2d(semantics, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"], semantics: Float[Tensor, "#b k h w"]) -> Float[Tensor, "b c h w"]:
        """Scale by 1 + gamma and shift by beta."""
        hidden = self.mlp_shared(semantics)
        return self.param_free_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)
