"""Spatially-adaptive normalisation that keeps groups of classes apart."""

from torch import nn

from smis.nn.spade_norm import SpadeNorm


class GroupSpadeNorm(SpadeNorm):
    """Scale and shift each group of channels by its own group of classes.

    Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 3.3, conditional group normalisation.
    `shared_groups` splits the first convolution, `groups` the two that give scale and shift.
    """

    def __init__(self, channels: int, *, semantics: int, hidden: int, shared_groups: int, groups: int) -> None:
        super().__init__(channels, semantics=1, hidden=1)
        shared = nn.Conv2d(semantics, hidden, 3, padding=1, groups=shared_groups)
        self.mlp_shared = nn.Sequential(shared, nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1, groups=groups)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1, groups=groups)
