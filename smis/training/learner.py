"""One step of a training, and everything that it changes."""

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.seeding import Noise, generator
from smis.core.shapes import Image
from smis.training.compiled import compile_forward
from smis.training.config import TrainingConfig
from smis.training.descent import Descent, rate_share
from smis.training.distributed import Processes
from smis.training.ema import Average
from smis.training.made import Made
from smis.training.precision import mixed


@runtime_checkable
class Trainable(Protocol):
    """What the loop asks of a system: networks, and the two lists of named, weighted loss terms."""

    if TYPE_CHECKING:  # since Python 3.12 isinstance does not see the networks that a network holds

        @property
        def generator(self) -> nn.Module: ...  # noqa: D102
        @property
        def encoder(self) -> nn.Module | None: ...  # noqa: D102
        @property
        def discriminator(self) -> nn.Module: ...  # noqa: D102

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return what the generator (with its encoder) makes small."""
        ...

    def discriminator_terms(self, batch: Batch, noise: Noise, made: Image | None = None) -> dict[str, Tensor]:
        """Return what the discriminator makes small: `made` is what the generator gave in its own step, if kept."""
        ...


class Learner:
    """Everything that a step changes, and so everything that a run resumes from."""

    def __init__(self, system: Trainable, config: TrainingConfig, processes: Processes) -> None:
        self.system, self.config, self.processes = system, config, processes
        self.step = 0
        self._mark: Callable[[str], None] = lambda name: None
        self._networks = {"generator": system.generator, "discriminator": system.discriminator}
        if system.encoder is not None:
            self._networks["encoder"] = system.encoder
        self._layout = torch.channels_last if config.channels_last else torch.contiguous_format
        for network in self._networks.values():
            network.to(memory_format=self._layout)
            if config.compile:
                compile_forward(network)
        drawing = {name: network for name, network in self._networks.items() if name != "discriminator"}
        self.average = Average(drawing, decay=config.ema)
        self.generator = self._descent(list(drawing.values()), rate=config.lr_generator)
        self.discriminator = self._descent([system.discriminator], rate=config.lr_discriminator)
        for network in self._networks.values():
            network.train()

    def _descent(self, networks: list[nn.Module], *, rate: float) -> Descent:
        scaled = self.config.precision == "fp16"
        return Descent(networks, rate=rate, betas=self.config.betas, processes=self.processes, scaled=scaled)

    def take(self, step: int, batch: Batch, *, seed: int) -> dict[str, Tensor]:
        """Take one step of both sides on this process's share of the batch; return the terms, none of them fetched.

        The draws depend on (seed, step) alone.
        """
        self._slow_down(step)
        how = {"precision": self.config.precision, "device": self.processes.device}
        batch = replace(batch, image=batch.image.contiguous(memory_format=self._layout))
        shares = _Shares(batch, self.config.accumulate, processes=self.processes, seed=seed, step=step)
        of_generator = mixed(self.system.generator_terms, **how)
        made = Made(self.system.generator, of_generator) if self.config.reuse_image else None
        terms = self.generator.descend(shares.of(made or of_generator, "generator"))
        of_discriminator = mixed(self.system.discriminator_terms, **how)
        images = [made.images] if made else []
        terms |= self.discriminator.descend(shares.of(of_discriminator, "discriminator", *images))
        self._mark("optimizer")
        self.average.update(step)
        self._mark("other")
        self.step = step
        return terms

    def watch(self, mark: Callable[[str], None]) -> None:
        """Call `mark` with what begins in a step: communication that is waited for, the optimizer, something else."""
        self._mark = mark
        self.generator.watch(mark)
        self.discriminator.watch(mark)

    def _slow_down(self, step: int) -> None:
        share = rate_share(step, steps=self.config.steps, decay_from=self.config.decay_from)
        self.generator.slow_to(share)
        self.discriminator.slow_to(share)

    def state(self) -> dict[str, Any]:
        """Return it as tensors, numbers and dicts of them."""
        return {
            "step": self.step,
            "networks": {name: network.state_dict() for name, network in self._networks.items()},
            "generator": self.generator.state(),
            "discriminator": self.discriminator.state(),
            "average": self.average.tensors,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on after the step of an earlier run's state."""
        self.step = state["step"]
        for name, network in self._networks.items():
            network.load_state_dict(state["networks"][name])
        self.generator.restore(state["generator"])
        self.discriminator.restore(state["discriminator"])
        self.average.restore(state["average"])


@dataclass(frozen=True)
class _Shares:
    """What one process computes of a step, one share of its label maps after the other."""

    batch: Batch
    count: int
    _: KW_ONLY
    processes: Processes
    seed: int
    step: int

    def of(
        self, terms: Callable[..., dict[str, Tensor]], purpose: str, *more: Iterable[Any]
    ) -> list[Callable[[], dict[str, Tensor]]]:
        """Return what computes the terms of each share; `more` has an argument for each."""
        first, parts = self.processes.rank * self.count, self.processes.world * self.count
        drawn = (generator(self.seed, purpose, self.step) for _ in range(self.count))
        noises = [Noise(each, part=first + number, parts=parts) for number, each in enumerate(drawn)]
        return [partial(terms, *share) for share in zip(self._pieces(), noises, *more, strict=True)]

    def _pieces(self) -> list[Batch]:
        return self.batch.split(self.count) if self.count > 1 else [self.batch]
