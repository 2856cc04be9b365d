"""Batch normalization with the statistics of the global batch, on GPUs and on CPUs."""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class BatchNorm(nn.SyncBatchNorm):
    """Normalize each channel over the global batch, without learned scale and shift; keeps running statistics.

    In training over several processes, means and variances are those of all processes' images together, forwards and
    backwards, so that many processes compute what one computes. On CUDA that is `torch.nn.SyncBatchNorm`, which
    refuses CPUs; there it is computed here. One process is exactly `torch.nn.functional.batch_norm`.

    Example:
        >>> x = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
        >>> BatchNorm(1)(x).flatten().round(decimals=3)
        tensor([-1.,  1.])
    """

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, affine=False)

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Normalize by the batch in training, by the running statistics in evaluation."""
        if self.training and _process_count() > 1:
            return super().forward(input) if input.is_cuda else self._synchronized_on_cpu(input)
        momentum = self.momentum or 0.0
        return F.batch_norm(
            input, self.running_mean, self.running_var, training=self.training, momentum=momentum, eps=self.eps
        )

    def _synchronized_on_cpu(self, x: Tensor) -> Tensor:
        """Sum the mean first and the squares about it after: two small messages, no cancellation."""
        x32 = x.to(torch.promote_types(x.dtype, torch.float32))
        positions = x32.new_tensor([x.numel() / x.shape[1]])
        sums = _AllReduceSum.apply(torch.cat([x32.sum(dim=(0, 2, 3)), positions]))
        count = sums[-1].detach()
        centered = x32 - (sums[:-1] / count).view(1, -1, 1, 1)
        variance = _AllReduceSum.apply(centered.square().sum(dim=(0, 2, 3))) / count
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.running_mean.lerp_(sums[:-1] / count, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        return (centered * torch.rsqrt(variance + self.eps).view(1, -1, 1, 1)).to(x.dtype)


class _AllReduceSum(torch.autograd.Function):
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


def _process_count() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
