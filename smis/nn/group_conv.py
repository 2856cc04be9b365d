"""Grouped convolution of which only some groups are asked."""

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional


class GroupConv2d(nn.Conv2d):
    """Convolve each group by itself; the input may be that of any list of groups instead of all in their order."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Float[Tensor, "n i h w"], which: Int[Tensor, " g"] | None = None
    ) -> Float[Tensor, "n o y x"]:
        """Give the groups `which`, in that order, repeated as there; x has their channels and no other's."""
        if which is None:
            return super().forward(x)
        weight = self.weight.unflatten(0, (self.groups, -1)).index_select(0, which).flatten(0, 1)
        bias = None if self.bias is None else self.bias.view(self.groups, -1).index_select(0, which).flatten()
        return functional.conv2d(x, weight, bias, self.stride, self.padding, groups=len(which))
