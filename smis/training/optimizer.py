"""One optimizer step: backward passes, gradients averaged over processes, Adam."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from smis.training.distributed import DistributedContext

_BUCKET_BYTES = 25 << 20
"""As in torch's DistributedDataParallel: smaller buckets cost latency, larger ones are sent later."""


class OptimizerStep:
    """Adam over some networks, whose gradients are averaged over the processes.

    All gradients are views of one flat tensor, which is reduced in buckets. A parameter that the loss of one process
    does not reach has gradient 0, so that all processes reduce the same tensors. `on_phase` is called with
    "communication", "optimizer" or "other" when that phase of a step begins.

    Args:
        networks: Networks whose trainable parameters are updated.
        lr: Learning rate at the start.
        betas: Betas of Adam.
        distributed: The processes to average over, and the device.
        scale_losses: Scale losses so that gradients stay in the range of float16; steps with infinite gradients are
            skipped.

    Example:
        >>> layer, x = nn.Linear(2, 1, bias=False), torch.tensor([[3.0, 4.0]])
        >>> step = OptimizerStep([layer], lr=0.01, betas=(0.0, 0.9), distributed=DistributedContext())
        >>> terms = step.step([lambda: {"output": layer(x).sum()}])
        >>> step.gradient_norm(), step.lr
        (tensor(5.), 0.01)
    """

    def __init__(
        self,
        networks: Iterable[nn.Module],
        *,
        lr: float,
        betas: tuple[float, float],
        distributed: DistributedContext,
        scale_losses: bool = False,
    ) -> None:
        self._parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
        self._flat = torch.zeros(
            sum(p.numel() for p in self._parameters), dtype=self._parameters[0].dtype, device=distributed.device
        )
        self._initial_lr = lr
        self.on_phase: Callable[[str], None] = lambda name: None
        self._adam = torch.optim.Adam(self._parameters, lr=lr, betas=betas, fused=True)
        self._scaler = torch.amp.GradScaler(distributed.device.type, enabled=scale_losses)
        pieces = self._flat.split([p.numel() for p in self._parameters])
        for parameter, piece in zip(self._parameters, pieces, strict=True):
            parameter.grad = piece.as_strided(parameter.size(), parameter.stride())  # in the parameter's memory order
        world_size = distributed.world_size
        self._buckets = GradientBuckets(self._parameters, self._flat, world_size=world_size) if world_size > 1 else None

    def step(self, micro_batches: Sequence[Callable[[], Mapping[str, Tensor]]]) -> dict[str, Tensor]:
        """Update the parameters by the gradient of the sum of the loss terms, averaged over micro-batches.

        Micro-batches are computed one after the other, so that memory holds one graph. Gradients are computed for
        these parameters only: the generator's loss passes through the discriminator without changing its gradients.

        Args:
            micro_batches: Functions that compute the loss terms of each micro-batch.

        Returns:
            The loss terms, averaged over the micro-batches and detached.
        """
        self._flat.zero_()
        means: dict[str, Tensor] = {}
        for number, compute in enumerate(micro_batches, start=1):
            terms = {name: term / len(micro_batches) for name, term in compute().items()}
            if number == len(micro_batches) and self._buckets is not None:
                self._buckets.start()
            self._scaler.scale(reduce(torch.add, terms.values())).backward(inputs=self._parameters)
            means = {name: means.get(name, 0) + term.detach() for name, term in terms.items()}
        if self._buckets is not None:
            self.on_phase("communication")
            self._buckets.finish()
        self.on_phase("optimizer")
        self._scaler.step(self._adam)
        self._scaler.update()
        self.on_phase("other")
        return means

    def set_lr_scale(self, scale: float) -> None:
        """Set the learning rate to a fraction (0..1) of its initial value."""
        for group in self._adam.param_groups:
            group["lr"] = self._initial_lr * scale

    @property
    def lr(self) -> float:
        """The current learning rate."""
        return self._adam.param_groups[0]["lr"]

    def gradient_norm(self) -> Tensor:
        """Return the Euclidean norm of the gradient of the last step."""
        return self._flat.norm() / self._scaler.get_scale()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of Adam and of the loss scaler."""
        return {"adam": self._adam.state_dict(), "scaler": self._scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        self._adam.load_state_dict(state["adam"])
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(state["scaler"])


class GradientBuckets:
    """Averages one flat gradient over the processes, bucket by bucket, while the backward pass goes on.

    Li et al., "PyTorch Distributed" (VLDB 2020), section 3.2. A backward pass reaches the last layers first, so buckets
    are sent from the end, always in this order. A parameter that the loss of this process does not reach holds back its
    bucket and all after it until `finish`: correct on any graph, fastest if the graphs of all processes are alike.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], flat: Tensor, *, world_size: int) -> None:
        self._flat, self._world_size = flat, world_size
        self._buckets = _buckets(parameters, flat.element_size())
        self._pending: list[int] = []
        self._sent: list[dist.Work | None] = []
        self._active = False
        offsets = torch.tensor([0, *(parameter.numel() for parameter in parameters)]).cumsum(0).tolist()
        self._ranges = [(offsets[first], offsets[last]) for first, last in self._buckets]
        for bucket, (first, last) in enumerate(self._buckets):
            for parameter in parameters[first:last]:
                parameter.register_post_accumulate_grad_hook(lambda _, bucket=bucket: self._on_gradient(bucket))

    def start(self) -> None:
        """Send each bucket as soon as the next backward pass completes it."""
        self._pending = [last - first for first, last in self._buckets]
        self._sent = []
        self._active = True

    def finish(self) -> None:
        """Send the remaining buckets, wait for all, and divide by the number of processes: the same bits in each."""
        self._active = False
        while len(self._sent) < len(self._buckets):
            self._send()
        for work in self._sent:
            if work is not None:
                work.wait()
        self._flat /= self._world_size

    def _on_gradient(self, bucket: int) -> None:
        if not self._active:
            return
        self._pending[bucket] -= 1
        while len(self._sent) < len(self._buckets) and not self._pending[len(self._sent)]:
            self._send()

    def _send(self) -> None:
        start, end = self._ranges[len(self._sent)]
        self._sent.append(dist.all_reduce(self._flat[start:end], async_op=True))


def lr_scale(step: int, *, steps: int, decay_from: int | None) -> float:
    """Return the fraction of the initial learning rate at a step, counted from 1.

    1 up to and including step `decay_from + 1`, then linear; the last step has 1 / (steps - decay_from). The released
    code of pix2pixHD and SPADE does the same by epochs.

    Example:
        >>> [lr_scale(step, steps=4, decay_from=2) for step in (1, 2, 3, 4)]
        [1.0, 1.0, 1.0, 0.5]
    """
    if decay_from is None or step <= decay_from:
        return 1.0
    return (steps - step + 1) / (steps - decay_from)


def _buckets(parameters: Sequence[nn.Parameter], element_bytes: int) -> list[tuple[int, int]]:
    """Cut indices of parameters into ranges of about `_BUCKET_BYTES`, the last parameters first."""
    buckets: list[tuple[int, int]] = []
    end, size = len(parameters), 0
    for index in range(len(parameters) - 1, -1, -1):
        size += parameters[index].numel() * element_bytes
        if size >= _BUCKET_BYTES or not index:
            buckets.append((index, end))
            end, size = index, 0
    return buckets
