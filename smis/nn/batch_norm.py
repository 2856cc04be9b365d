"""Batch normalization whose statistics are those of the global batch, on GPUs and on CPUs."""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Normalize each channel over the global batch; learns nothing, keeps running statistics.

    In training, with torch.distributed started, sums run over all processes, forwards and backwards, so that many
    processes compute what one computes. One process is exactly `F.batch_norm`.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Normalize by the batch in training, by the running statistics in evaluation."""
        if self.training and _processes() > 1:
            return self._synchronized(x)
        return F.batch_norm(
            x, self.running_mean, self.running_var, training=self.training, momentum=self.momentum, eps=self.eps
        )

    def _synchronized(self, x: Tensor) -> Tensor:
        """Take the mean first and the squares about it after: two small messages, no cancellation."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        here = wide.new_tensor([x.numel() / x.shape[1]])
        sums = _Sum.apply(torch.cat([wide.sum(dim=(0, 2, 3)), here]))
        count = sums[-1].detach()
        centerd = wide - (sums[:-1] / count).view(1, -1, 1, 1)
        variance = _Sum.apply(centerd.square().sum(dim=(0, 2, 3))) / count
        with torch.no_grad():
            self.running_mean.lerp_(sums[:-1] / count, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        return (centerd * torch.rsqrt(variance + self.eps).view(1, -1, 1, 1)).to(x.dtype)


class _Sum(torch.autograd.Function):
    """Sum over processes; the gradient of a sum that everyone reads is the sum of everyone's gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
