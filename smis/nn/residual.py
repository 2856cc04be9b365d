"""The residual block of SPADE and of everything built on it."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.nn.spectral import spectral

MakeNorm = Callable[[int], nn.Module]
"""Makes a normalization layer for a number of channels; the layer is called with (features, condition)."""


class SpadeResidualBlock(nn.Module):
    """Two normalized convolutions beside a shortcut, which is learned if the number of channels changes.

    Park et al. (CVPR 2019), Figure 4. The shortcut is normalized but, as released, not activated. With `groups` it is
    the block of GroupDNet (Zhu et al., CVPR 2020); with another normalization layer, of INADE (Tan et al., CVPR 2021).
    """

    def __init__(self, channels_in: int, channels_out: int, *, make_norm: MakeNorm, groups: int = 1) -> None:
        super().__init__()
        middle = min(channels_in, channels_out)
        self.learned_shortcut = channels_in != channels_out
        self.conv_0 = spectral(nn.Conv2d(channels_in, middle, 3, padding=1, groups=groups))
        self.conv_1 = spectral(nn.Conv2d(middle, channels_out, 3, padding=1, groups=groups))
        self.norm_0 = make_norm(channels_in)
        self.norm_1 = make_norm(middle)
        if self.learned_shortcut:
            self.conv_s = spectral(nn.Conv2d(channels_in, channels_out, 1, bias=False, groups=groups))
            self.norm_s = make_norm(channels_in)

    def forward(self, x: Float[Tensor, "b i h w"], condition: Any) -> Float[Tensor, "b o h w"]:
        """Add the block's change to the shortcut."""
        shortcut = self.conv_s(self.norm_s(x, condition)) if self.learned_shortcut else x
        change = self.conv_0(F.leaky_relu(self.norm_0(x, condition), 0.2))
        change = self.conv_1(F.leaky_relu(self.norm_1(change, condition), 0.2))
        return shortcut + change
