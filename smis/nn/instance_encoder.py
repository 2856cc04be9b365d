"""The encoder of INADE: convolutions that do not cross the boundary of an instance."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.nn.label_maps import resize_nearest


class InstanceAwareConv2d(nn.Conv2d):
    """Convolve 3x3 over the taps that belong to the instance at the kernel's center.

    Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021), Sec. 3.4.
    Dropped taps count as zero; what is kept is not scaled up (a partial convolution would). All taps of all places
    are fetched at once, as rows of channels, a dropped one from a row of zeros; then it is one matrix product.

    Example:
        >>> layer, x = InstanceAwareConv2d(2, 4), torch.rand(1, 2, 4, 6)
        >>> one = torch.zeros(1, 4, 6, dtype=torch.long)
        >>> torch.allclose(layer(x, one), nn.Conv2d.forward(layer, x), atol=1e-5)  # one instance: a convolution
        True
        >>> left = torch.tensor([0, 0, 0, 1, 1, 1]).expand(1, 4, 6)
        >>> torch.allclose(layer(x, left)[..., :3], nn.Conv2d.forward(layer, x[..., :3]), atol=1e-5)
        True
    """

    def __init__(self, channels: int, filters: int, *, stride: int = 1) -> None:
        super().__init__(channels, filters, 3, stride=stride, padding=1)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Float[Tensor, "b c h w"], instances: Int[Tensor, "b h w"]
    ) -> Float[Tensor, "b f y x"]:
        """Take the instance map at the size of `x`; both sides are multiples of the stride."""
        taps = kept_taps(instances, stride=self.stride[0])
        rows = F.pad(_rows(x), (0, 0, 0, 1))
        fetched = rows.index_select(0, taps.flatten()).view(*taps.shape[:3], -1)
        weight = self.weight.permute(0, 2, 3, 1).flatten(1)
        return F.linear(fetched, weight, self.bias).permute(0, 3, 1, 2)


def kept_taps(instances: Int[Tensor, "b h w"], *, stride: int = 1) -> Int[Tensor, "b y x 9"]:
    """Number the nine taps of each center, row by row, among the places of all pictures.

    A tap of another instance has the number after the last. So has a tap outside the image (the release gives those
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

    Example:
        >>> averaged_taps(torch.ones(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long), slots=2)[0, 0]
        tensor([[[0.5625, 0.7500, 0.5625],
                 [0.7500, 1.0000, 0.7500],
                 [0.5625, 0.7500, 0.5625]]])
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
    padded = F.pad(ids, (1, 1, 1, 1), value=outside)
    return padded.unfold(1, 3, stride).unfold(2, 3, stride).flatten(3)


FACTOR = 16
"""Height and width are multiples of this: the encoder halves them four times."""


class InstanceEncoder(nn.Module):
    """Estimate each instance's distribution of (scale, shift) noise by convolutions that stay inside the instance.

    Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021), Sec. 3.4: a
    small U-Net of instance-aware convolutions, four heads, and the average of each head over each instance.
    Instance normalization between them is over the whole map, as released. Height and width are multiples of 16.

    Example:
        >>> encoder = InstanceEncoder(width=2, noise=5)
        >>> instances = torch.zeros(1, 16, 32, dtype=torch.long)
        >>> mean, log_variance = encoder(torch.rand(1, 3, 16, 32), instances, slots=3)
        >>> mean.shape, bool(mean[:, 1:].any())
        (torch.Size([1, 3, 2, 5]), False)
    """

    def __init__(self, *, width: int, noise: int) -> None:
        super().__init__()
        self.layer1 = InstanceAwareConv2d(3, width, stride=2)
        self.layer2 = InstanceAwareConv2d(width, 2 * width, stride=2)
        self.layer3 = InstanceAwareConv2d(2 * width, 4 * width, stride=2)
        self.layer4 = InstanceAwareConv2d(4 * width, 8 * width, stride=2)
        self.middle = InstanceAwareConv2d(8 * width, 4 * width)
        self.up1 = InstanceAwareConv2d(8 * width, 2 * width)
        self.up2 = InstanceAwareConv2d(4 * width, width)
        self.up3 = InstanceAwareConv2d(2 * width, width)
        self.scale_conv_mu = InstanceAwareConv2d(width, noise)
        self.scale_conv_var = InstanceAwareConv2d(width, noise)
        self.bias_conv_mu = InstanceAwareConv2d(width, noise)
        self.bias_conv_var = InstanceAwareConv2d(width, noise)

    def forward(
        self, image: Float[Tensor, "b 3 h w"], instances: Int[Tensor, "b h w"], *, slots: int
    ) -> tuple[Float[Tensor, "b slots 2 n"], Float[Tensor, "b slots 2 n"]]:
        """Return mean and log variance of each slot's (scale, shift) noise; both are 0 where a slot is empty."""
        x1 = _convolve(self.layer1, image, instances)
        x2 = _convolve(self.layer2, x1, instances)
        x3 = _convolve(self.layer3, x2, instances)
        y = _convolve(self.middle, _convolve(self.layer4, x3, instances), instances)
        y = _convolve(self.up1, torch.cat([_twice(y), x3], dim=1), instances)
        y = _convolve(self.up2, torch.cat([_twice(y), x2], dim=1), instances)
        y = _convolve(self.up3, torch.cat([_twice(y), x1], dim=1), instances)
        return self._heads(_twice(y), instances, slots)

    def _heads(
        self, x: Float[Tensor, "b c h w"], instances: Int[Tensor, "b h w"], slots: int
    ) -> tuple[Float[Tensor, "b slots 2 n"], Float[Tensor, "b slots 2 n"]]:
        """Apply the four heads to the averages, which is the average of the four heads."""
        heads = [self.scale_conv_mu, self.bias_conv_mu, self.scale_conv_var, self.bias_conv_var]
        weight = torch.stack([head.weight for head in heads])
        bias = torch.stack([head.bias for head in heads if head.bias is not None])
        averages = averaged_taps(x, instances, slots=slots)
        codes = torch.einsum("bsckl,hnckl->bshn", averages, weight) + _filled(instances, slots) * bias
        mean, log_variance = codes.split(2, dim=2)
        return mean, log_variance


def _convolve(
    layer: InstanceAwareConv2d, x: Float[Tensor, "b c h w"], instances: Int[Tensor, "b i j"]
) -> Float[Tensor, "b f y x"]:
    at_size = resize_nearest(instances, height=x.shape[2], width=x.shape[3])
    return F.leaky_relu(F.instance_norm(layer(x, at_size)), 0.2)


def _twice(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c y x"]:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _filled(instances: Int[Tensor, "b h w"], slots: int) -> Float[Tensor, "b slots 1 1"]:
    """Return 1 where a slot has pixels, else 0."""
    filled = torch.zeros(len(instances), slots, device=instances.device)
    return filled.scatter_(1, instances.flatten(1), 1.0)[..., None, None]
