"""The training loop: two verbs, read from top to bottom."""

import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.config import Config
from smis.core.errors import TrainingError
from smis.core.progress import Bar
from smis.core.seeding import Noise, generator
from smis.engine.descent import Descent, rate_share
from smis.engine.distributed import Processes
from smis.engine.ema import Average
from smis.engine.precision import Precision, mixed
from smis.engine.states import States
from smis.engine.tracker import Tracker


class TrainingConfig(Config):
    """How long, how fast, and how often to look; the released code's two learning rates and betas are the defaults."""

    steps: PositiveInt = 2000
    batch: PositiveInt = 16
    """Label maps in one step, over all processes together."""
    rate_generator: PositiveFloat = 1e-4
    rate_discriminator: PositiveFloat = 4e-4
    betas: tuple[float, float] = (0.0, 0.9)
    decay_from: int | None = Field(default=None, ge=0)
    """The step after which the learning rates fall linearly to the last step; without one, they stay."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    precision: Precision = "float32"
    flip: bool = True
    workers: int = Field(default=0, ge=0)
    """Processes that read data, for each process that trains; 0 reads in a thread."""
    log_every: PositiveInt = 20
    save_every: PositiveInt = 100
    grid_every: PositiveInt = 500

    @property
    def rhythm(self) -> tuple[int, int, int]:
        """Every how many steps to log, to draw a grid, to save."""
        return self.log_every, self.grid_every, self.save_every

    @model_validator(mode="after")
    def _decay_fits(self) -> "TrainingConfig":
        if self.decay_from is not None and self.decay_from >= self.steps:
            raise ValueError(f"decay_from is {self.decay_from}, which is not before the last of {self.steps} steps")
        return self


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

    def discriminator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return what the discriminator makes small."""
        ...


@runtime_checkable
class Batches(Protocol):
    """What the loop asks of a loader."""

    def from_step(self, step: int) -> Iterator[Batch]:
        """Return the batches of this step (counted from 0), the next, and so on without end."""
        ...


class Learner:
    """Everything that a step changes, and so everything that a run resumes from."""

    def __init__(self, system: Trainable, config: TrainingConfig, processes: Processes) -> None:
        self.system, self.config, self.processes = system, config, processes
        self.step = 0
        self._networks = {"generator": system.generator, "discriminator": system.discriminator}
        if system.encoder is not None:
            self._networks["encoder"] = system.encoder
        drawing = {name: network for name, network in self._networks.items() if name != "discriminator"}
        self.average = Average(drawing, decay=config.ema)
        self.generator = self._descent(list(drawing.values()), rate=config.rate_generator)
        self.discriminator = self._descent([system.discriminator], rate=config.rate_discriminator)
        for network in self._networks.values():
            network.train()

    def _descent(self, networks: list[nn.Module], *, rate: float) -> Descent:
        return Descent(networks, rate=rate, betas=self.config.betas, processes=self.processes)

    def begin(self, step: int) -> None:
        """Set the learning rates of a step."""
        share = rate_share(step, steps=self.config.steps, decay_from=self.config.decay_from)
        self.generator.slow_to(share)
        self.discriminator.slow_to(share)
        self.step = step

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


def train(
    learner: Learner,
    batches: Batches,
    *,
    seed: int,
    states: States,
    tracker: Tracker,
    look: Callable[[int], None],
    title: str = "training",
) -> None:
    """Train from the learner's step to the last one.

    `look(step)` is called on the first process every `grid_every` steps and after the last, while the networks wear
    their average. A step's random draws depend on (seed, step) alone: no generator is part of the state.

    Raises:
        TrainingError: if a loss term is not finite; names the step, the term and the pictures of the batch.
        DiskError: if a state or picture cannot be written; the last good state stays.
    """
    config, processes = learner.config, learner.processes
    generator_terms = mixed(learner.system.generator_terms, precision=config.precision, device=processes.device)
    discriminator_terms = mixed(learner.system.discriminator_terms, precision=config.precision, device=processes.device)
    data = batches.from_step(learner.step)
    pace = _Pace(learner.step, config.batch)

    with Bar(title, total=config.steps, unit="steps", visible=processes.first) as bar:
        bar.skip(learner.step)
        for step in range(learner.step + 1, config.steps + 1):
            learner.begin(step)
            batch = next(data).to(processes.device)
            terms = learner.generator.descend(generator_terms(batch, _noise(seed, "generator", step, processes)))
            noise = _noise(seed, "discriminator", step, processes)
            terms |= learner.discriminator.descend(discriminator_terms(batch, noise))
            learner.average.update(step)

            logs, looks, saves = (_due(step, every, config.steps) for every in config.rhythm)
            values = _finite(terms, step=step, batch=batch, processes=processes) if logs or looks or saves else {}
            if logs:
                tracker.log(step, values | _measured(learner, pace.to(step)))
            if looks and processes.first:
                with learner.average.worn():
                    look(step)
            if saves and processes.first:
                states.save(step, learner.state())
            bar.advance(note="  ".join(f"{name} {value:.3g}" for name, value in values.items()))


def _noise(seed: int, purpose: str, step: int, processes: Processes) -> Noise:
    return Noise(generator(seed, purpose, step), part=processes.rank, parts=processes.world)


def _due(step: int, every: int, last: int) -> bool:
    return step % every == 0 or step == last


def _finite(terms: dict[str, Tensor], *, step: int, batch: Batch, processes: Processes) -> dict[str, float]:
    """Fetch the terms' means over the processes: the one place where a step waits for its device."""
    own = torch.stack([term.double() for term in terms.values()])
    values = dict(zip(terms, processes.mean_(own.clone()).tolist(), strict=True))
    wrong = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
    if not wrong:
        return values
    shares = processes.gathered(() if bool(own.isfinite().all()) else batch.keys)
    keys = ", ".join(key for share in shares for key in share)
    raise TrainingError(
        f"at step {step} {' and '.join(wrong)}, with the pictures {keys}; the last saved state is from before; "
        "lower train.rate_generator and train.rate_discriminator, or look at these pictures"
    )


def _measured(learner: Learner, images_per_second: float) -> dict[str, float]:
    """What is worth watching beside the terms."""
    return {
        "rate_generator": learner.generator.rate,
        "rate_discriminator": learner.discriminator.rate,
        "gradient_generator": float(learner.generator.gradient_norm()),
        "gradient_discriminator": float(learner.discriminator.gradient_norm()),
        "images_per_second": round(images_per_second, 2),
    }


class _Pace:
    """Images per second since the last time that somebody asked."""

    def __init__(self, step: int, batch: int) -> None:
        self._step, self._batch, self._at = step, batch, time.monotonic()

    def to(self, step: int) -> float:
        now = time.monotonic()
        rate = (step - self._step) * self._batch / max(now - self._at, 1e-9)
        self._step, self._at = step, now
        return rate
