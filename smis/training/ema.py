"""Exponential moving average of the weights: what is sampled, validated and exported."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from smis.training.export import tensors_of


class ExponentialMovingAverage:
    """Averages the parameters of networks and copies their buffers (batch statistics, spectral vectors).

    With `average_buffers`, buffers are averaged too, and those of whole numbers rounded down: as OASIS' release does.
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

    def __init__(self, networks: Mapping[str, nn.Module], *, decay: float, average_buffers: bool = False) -> None:
        self._networks = dict(networks)
        self._decay = decay
        live = tensors_of(self._networks)
        self._live = {name: live[name] for name in sorted(live)}
        self.tensors = {name: tensor.detach().clone() for name, tensor in self._live.items()}
        self._averaged = [
            name
            for name, tensor in self._live.items()
            if isinstance(tensor, nn.Parameter) or (average_buffers and tensor.is_floating_point())
        ]
        self._buffers = [name for name in self._live if name not in set(self._averaged)]
        self._average_buffers = average_buffers

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Average in the weights after a step, counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        average = get_ema_multi_avg_fn(decay)
        average([self.tensors[name] for name in self._averaged], [self._live[name] for name in self._averaged], step)
        for name in self._buffers:
            live = self._live[name]
            self.tensors[name].copy_(self.tensors[name] * decay + live * (1 - decay) if self._average_buffers else live)

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

    @torch.no_grad()
    def collect_statistics(self, forwards: Iterable[Callable[[], object]]) -> None:
        """Make forward passes in training mode while the average is applied: its batch statistics become its own.

        Averages of batch statistics are those of no weights. Sushko et al. (ICLR 2021) collect them again, as Izmailov
        et al., "Averaging Weights Leads to Wider Optima and Better Generalization" (UAI 2018), 3.2.
        """
        for network in self._networks.values():
            network.train()
        for forward in forwards:
            forward()
        for network in self._networks.values():
            network.eval()

    def _swap(self) -> None:
        for name, average in self.tensors.items():
            live = self._live[name]
            live.data, average.data = average.data, live.data
