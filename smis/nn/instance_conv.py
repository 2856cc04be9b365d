"""Convolve without looking across the border of an instance."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

_TAPS = [(row, column) for row in range(3) for column in range(3)]


class InstanceAwareConv2d(nn.Conv2d):
    """Convolve 3x3 over the taps that belong to the instance at the kernel's centre.

    Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021), Sec. 3.4.
    Dropped taps count as zero; what is kept is not scaled up (a partial convolution would). All taps are stacked as
    channels of one 1x1 convolution, so nothing is done once for each instance.
    """

    def __init__(self, channels: int, filters: int, *, stride: int = 1) -> None:
        super().__init__(channels, filters, 3, stride=stride, padding=1)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Float[Tensor, "b c h w"], instances: Int[Tensor, "b h w"]
    ) -> Float[Tensor, "b f y x"]:
        """Take the instance map at the size of `x`; both sizes are multiples of the stride."""
        stride = self.stride[0]
        kept = kept_taps(instances, stride=stride)
        height, width = kept.shape[2:]
        padded = functional.pad(x, (1, 1, 1, 1))
        taps = [
            padded[:, :, row : row + stride * height : stride, column : column + stride * width : stride]
            * kept[:, tap, None]
            for tap, (row, column) in enumerate(_TAPS)
        ]
        weight = self.weight.permute(0, 2, 3, 1).reshape(self.out_channels, -1, 1, 1)
        return functional.conv2d(torch.cat(taps, dim=1), weight, self.bias)


def kept_taps(instances: Int[Tensor, "b h w"], *, stride: int = 1) -> Bool[Tensor, "b 9 y x"]:
    """Say for each centre which of its nine taps, row by row, lie inside its own instance.

    Taps outside the picture belong to none. (The release gives them id 0; their value is 0 all the same.)
    """
    height, width = instances.shape[1:]
    centres = instances[:, ::stride, ::stride]
    padded = functional.pad(instances, (1, 1, 1, 1), value=-1)
    return torch.stack(
        [padded[:, row : row + height : stride, column : column + width : stride] == centres for row, column in _TAPS],
        dim=1,
    )


def averaged_taps(
    x: Float[Tensor, "b c h w"], instances: Int[Tensor, "b h w"], *, slots: int
) -> Float[Tensor, "b slots c 3 3"]:
    """Average each tap of an `InstanceAwareConv2d` over the places of each instance; 0 for an empty slot.

    The average of a convolution is the convolution of the average: `averaged_taps` times a kernel is what
    convolving the whole map and then averaging would give, for one product per instance instead of one per place.
    A tap seen from the value's side: the value at q feeds the centre q - tap, if that lies in the same instance.
    """
    kept = kept_taps(instances).flatten(2)
    ids = instances.flatten(1)
    values = x.flatten(2)
    sums = [
        # A value whose centre lies elsewhere goes to one slot too many, which is cut off.
        _sum_by(values, torch.where(kept[:, 8 - tap], ids, slots), slots=slots + 1)[:, :, :slots]
        for tap in range(9)
    ]
    counts = torch.zeros(len(x), slots, dtype=x.dtype, device=x.device)
    counts.scatter_add_(1, ids, torch.ones_like(ids, dtype=x.dtype))
    return (torch.stack(sums, dim=-1) / counts.clamp(min=1)[:, None, :, None]).transpose(1, 2).unflatten(3, (3, 3))


def _sum_by(values: Float[Tensor, "b c p"], ids: Int[Tensor, "b p"], *, slots: int) -> Float[Tensor, "b c slots"]:
    sums = values.new_zeros(*values.shape[:2], slots)
    return sums.scatter_add(2, ids[:, None].expand_as(values), values)
