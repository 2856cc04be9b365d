"""Convolve without looking across the border of an instance."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional


class InstanceAwareConv2d(nn.Conv2d):
    """Convolve 3x3 over the taps that belong to the instance at the kernel's center.

    Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021), Sec. 3.4.
    Dropped taps count as zero; what is kept is not scaled up (a partial convolution would). All taps of all places
    are fetched at once, as rows of channels, a dropped one from a row of zeros; then it is one matrix product.
    """

    def __init__(self, channels: int, filters: int, *, stride: int = 1) -> None:
        super().__init__(channels, filters, 3, stride=stride, padding=1)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Float[Tensor, "b c h w"], instances: Int[Tensor, "b h w"]
    ) -> Float[Tensor, "b f y x"]:
        """Take the instance map at the size of `x`; both sides are multiples of the stride."""
        taps = kept_taps(instances, stride=self.stride[0])
        rows = functional.pad(_rows(x), (0, 0, 0, 1))
        fetched = rows.index_select(0, taps.flatten()).view(*taps.shape[:3], -1)
        weight = self.weight.permute(0, 2, 3, 1).flatten(1)
        return functional.linear(fetched, weight, self.bias).permute(0, 3, 1, 2)


def kept_taps(instances: Int[Tensor, "b h w"], *, stride: int = 1) -> Int[Tensor, "b y x 9"]:
    """Number the nine taps of each center, row by row, among the places of all pictures.

    A tap of another instance has the number after the last. So has a tap outside the picture (the release gives those
    id 0; their value is 0 all the same).
    """
    nothing = instances.numel()
    places = torch.arange(nothing, device=instances.device).view_as(instances)
    return torch.where(
        _windows(instances, stride, outside=-1) == instances[:, ::stride, ::stride, None],
        _windows(places, stride, outside=nothing),
        nothing,
    )


def averaged_taps(
    x: Float[Tensor, "b c h w"], instances: Int[Tensor, "b h w"], *, slots: int
) -> Float[Tensor, "b slots c 3 3"]:
    """Average each tap of an `InstanceAwareConv2d` over the places of each instance; 0 for an empty slot.

    The average of a convolution is the convolution of the average: `averaged_taps` times a kernel is what convolving
    the whole map and then averaging would give, for one product per instance instead of one per place. Seen from a
    value: as tap number t it feeds the center that is its own tap 8 - t, if that lies in the same instance.
    """
    batch, channels = x.shape[:2]
    rows, nowhere = _rows(x), batch * slots
    owners = (instances + slots * torch.arange(batch, device=x.device).view(-1, 1, 1)).flatten()
    kept = (kept_taps(instances) < instances.numel()).flatten(0, 2)
    sums = [
        rows.new_zeros(nowhere + 1, channels).index_add(0, torch.where(kept[:, 8 - tap], owners, nowhere), rows)
        for tap in range(9)
    ]
    counts = torch.bincount(owners, minlength=nowhere).clamp(min=1)
    averages = torch.stack(sums, dim=-1)[:nowhere] / counts.view(-1, 1, 1)
    return averages.view(batch, slots, channels, 3, 3)


def _rows(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "places c"]:
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def _windows(ids: Int[Tensor, "b h w"], stride: int, *, outside: int) -> Int[Tensor, "b y x 9"]:
    """Stack the nine neighbors of each center."""
    padded = functional.pad(ids, (1, 1, 1, 1), value=outside)
    return padded.unfold(1, 3, stride).unfold(2, 3, stride).flatten(3)
