"""One side of the game: its parameters, its optimizer, one step down the sum of its loss terms."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from smis.training.distributed import Processes
from smis.training.reduction import Reduction


class Descent:
    """Adam over some networks, with the gradients averaged over the processes.

    All gradients are views of one flat tensor, which is reduced in large pieces; a parameter that a process's share of
    the batch did not touch has gradient 0 everywhere instead of none here and some there. `scaled` multiplies losses
    by what keeps gradients in the range of float16, and leaves a step out where they were not.
    """

    def __init__(
        self,
        networks: Iterable[nn.Module],
        *,
        rate: float,
        betas: tuple[float, float],
        processes: Processes,
        scaled: bool = False,
    ) -> None:
        self._parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
        self._flat = torch.zeros(
            sum(p.numel() for p in self._parameters), dtype=self._parameters[0].dtype, device=processes.device
        )
        self._rate = rate
        self._mark: Callable[[str], None] = lambda name: None
        self._adam = torch.optim.Adam(self._parameters, lr=rate, betas=betas, fused=True)
        self._scaler = torch.amp.GradScaler(processes.device.type, enabled=scaled)
        self._view_gradients()
        self._reduction = (
            Reduction(self._parameters, self._flat, world=processes.world) if processes.world > 1 else None
        )

    def watch(self, mark: Callable[[str], None]) -> None:
        """Call `mark` with what begins: communication that is waited for, the optimizer, something else."""
        self._mark = mark

    def _view_gradients(self) -> None:
        shares = self._flat.split([p.numel() for p in self._parameters])
        for parameter, share in zip(self._parameters, shares, strict=True):
            parameter.grad = share.as_strided(parameter.size(), parameter.stride())  # in the parameter's own order

    def slow_to(self, share: float) -> None:
        """Set the learning rate to a share (0..1) of its own start."""
        for group in self._adam.param_groups:
            group["lr"] = self._rate * share

    @property
    def rate(self) -> float:
        """The learning rate now."""
        return self._adam.param_groups[0]["lr"]

    def descend(self, shares: Sequence[Callable[[], Mapping[str, Tensor]]]) -> dict[str, Tensor]:
        """Take one step down the mean of the shares' terms; return the mean terms, cut off from the graph.

        Shares are computed one after the other, so that only one graph is in memory. Gradients reach these parameters
        only: the generator's terms pass through the discriminator without computing its gradients.
        """
        self._flat.zero_()
        means: dict[str, Tensor] = {}
        for number, compute in enumerate(shares, start=1):
            terms = {name: term / len(shares) for name, term in compute().items()}
            if number == len(shares) and self._reduction is not None:
                self._reduction.begin()
            self._scaler.scale(reduce(torch.add, terms.values())).backward(inputs=self._parameters)
            means = {name: means.get(name, 0) + term.detach() for name, term in terms.items()}
        if self._reduction is not None:
            self._mark("communication")
            self._reduction.finish()
        self._mark("optimizer")
        self._scaler.step(self._adam)
        self._scaler.update()
        self._mark("other")
        return means

    def gradient_norm(self) -> Tensor:
        """Return the Euclidean norm of the last step's gradient."""
        return self._flat.norm() / self._scaler.get_scale()

    def state(self) -> dict[str, Any]:
        """Return what the next step depends on, apart from the networks themselves."""
        return {"adam": self._adam.state_dict(), "scaler": self._scaler.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier run's state."""
        self._adam.load_state_dict(state["adam"])
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(state["scaler"])


def rate_share(step: int, *, steps: int, decay_from: int | None) -> float:
    """Return the share of the full learning rate at a step counted from 1.

    Full up to and with step `decay_from + 1`, then linearly down; the last step runs at 1 / (steps - decay_from). The
    released code does the same by epochs.
    """
    if decay_from is None or step <= decay_from:
        return 1.0
    return (steps - step + 1) / (steps - decay_from)
