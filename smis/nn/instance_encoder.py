"""From a photograph, what each instance drew."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from smis.nn.instance_conv import InstanceAwareConv2d, averaged_taps
from smis.nn.nearest import nearest

FACTOR = 16
"""Height and width are multiples of this: the encoder halves them four times."""


class InstanceEncoder(nn.Module):
    """Estimate each instance's distribution of (scale, shift) noise from its own pixels alone.

    Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021), Sec. 3.4: a
    small U-Net of instance-aware convolutions, four heads, and the average of each head over each instance.
    Height and width are multiples of 16.
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
    at_size = nearest(instances, height=x.shape[2], width=x.shape[3])
    return functional.leaky_relu(functional.instance_norm(layer(x, at_size)), 0.2)


def _twice(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c y x"]:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _filled(instances: Int[Tensor, "b h w"], slots: int) -> Float[Tensor, "b slots 1 1"]:
    """Return 1 where a slot has pixels, else 0."""
    filled = torch.zeros(len(instances), slots, device=instances.device)
    return filled.scatter_(1, instances.flatten(1), 1.0)[..., None, None]
