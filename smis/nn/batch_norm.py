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

    def is_foldable(self, x: Tensor) -> bool:
        """Return whether an affine map that follows may do this layer's work: in evaluation on a CPU, in one precision.

        There memory bounds it, and torch's own layer computes the same x * a + b; elsewhere it does not.
        """
        assert self.running_var is not None
        inference = not (self.training or torch.is_grad_enabled() or torch.compiler.is_compiling())
        return inference and x.device.type == "cpu" and x.dtype == self.running_var.dtype

    def fold(self, scale: Float[Tensor, "*n c"], shift: Float[Tensor, "*n c"]) -> tuple[Tensor, Tensor]:
        """Return the scale and shift that give, of the input, what these give of the normalized input.

        Example:
            >>> layer, x = BatchNorm(1).eval(), torch.tensor([[3.0]])
            >>> layer.running_mean[:], layer.running_var[:] = 1, 4
            >>> scale, shift = layer.fold(torch.tensor([5.0]), torch.tensor([7.0]))
            >>> (x * scale + shift).round(decimals=3)  # 5 * (3 - 1) / 2 + 7
            tensor([[12.]])
        """
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = scale * torch.rsqrt(self.running_var + self.eps)
        return scale, torch.addcmul(shift, scale, self.running_mean, value=-1)

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
