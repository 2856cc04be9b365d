"""An exponential moving average of the weights: what is sampled, measured and published."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from smis.training.export import tensors_of


class Average:
    """Follows the parameters of some networks; copies their buffers (batch statistics, spectral vectors).

    Early on it follows faster: the decay of step s is min(decay, (1 + s) / (10 + s)), so that a short run's average
    is not made of the first random weights.
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
        """Take in the weights of one more step, counted from 1."""
        follow = get_ema_multi_avg_fn(min(self._decay, (1 + step) / (10 + step)))
        follow([self.tensors[name] for name in self._parameters], [self._live[name] for name in self._parameters], step)
        for name in self._buffers:
            self.tensors[name].copy_(self._live[name])

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from an earlier run's average."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @contextmanager
    def worn(self) -> Iterator[None]:
        """Let the networks wear the average, in eval mode; then give them back their own weights, bit for bit."""
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
