"""Exponential moving average of the weights: what is sampled, validated and exported."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from smis.training.export import tensors_of


class ExponentialMovingAverage:
    """Averages the parameters of networks and copies their buffers (batch statistics, spectral vectors).

    The decay at step s is min(decay, (1 + s) / (10 + s)), so that the average of a short run does not consist of the
    initial random weights.

    Example:
        >>> network = nn.Linear(1, 1, bias=False)
        >>> ema = ExponentialMovingAverage({"generator": network}, decay=0.999)
        >>> with torch.no_grad():
        ...     _ = network.weight.add_(11)
        >>> ema.update(1)
        >>> with ema.applied():
        ...     averaged = network.weight.item()
        >>> round(network.weight.item() - averaged, 4)
        2.0
    """

    def __init__(self, networks: Mapping[str, nn.Module], *, decay: float) -> None:
        self._networks = dict(networks)
        self._decay = decay
        live = tensors_of(self._networks)
        self._live = {name: live[name] for name in sorted(live)}
        self.tensors = {name: tensor.detach().clone() for name, tensor in self._live.items()}
        self._parameters = [name for name, tensor in self._live.items() if isinstance(tensor, nn.Parameter)]
        self._buffers = [name for name in self._live if name not in set(self._parameters)]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Average in the weights after a step, counted from 1."""
        average = get_ema_multi_avg_fn(min(self._decay, (1 + step) / (10 + step)))
        average(
            [self.tensors[name] for name in self._parameters], [self._live[name] for name in self._parameters], step
        )
        for name in self._buffers:
            self.tensors[name].copy_(self._live[name])

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Load the average of an earlier run."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average into the networks, in eval mode; afterwards restore their own weights, bit for bit."""
        self._swap()
        for network in self._networks.values():
            network.eval()
        try:
            yield
        finally:
            self._swap()
            for network in self._networks.values():
                network.train()

    def _swap(self) -> None:
        for name, average in self.tensors.items():
            live = self._live[name]
            live.data, average.data = average.data, live.data
