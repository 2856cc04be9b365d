"""The training loop and its step: read from top to bottom; `optimizer.py` has what one optimizer does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn

from smis.core.batch import Batch, Transferable, to_device
from smis.core.config import Config
from smis.core.progress import ProgressBar
from smis.core.seeding import Noise, generator
from smis.core.shapes import Image
from smis.training.acceleration import Precision, autocast, compile_forward
from smis.training.checkpoints import CheckpointManager
from smis.training.distributed import DistributedContext
from smis.training.ema import ExponentialMovingAverage
from smis.training.guards import NonFiniteGuard, ShutdownRequested, ShutdownSignal
from smis.training.loggers import MetricLogger
from smis.training.optimizer import OptimizerStep, lr_scale
from smis.training.throughput import ThroughputMeter, largest_spectral_norm
from smis.training.validation import Validation

Beta = Annotated[float, Field(ge=0, lt=1)]


class TrainingConfig(Config):
    """Length, optimizers and intervals of a training run; learning rates and betas default to the released code's."""

    steps: int = Field(default=2000, gt=0, le=10**9)
    batch: PositiveInt = 16
    """Label maps per step, over all processes."""
    lr_generator: PositiveFloat = 1e-4
    lr_discriminator: PositiveFloat = 4e-4
    betas: tuple[Beta, Beta] = (0.0, 0.9)
    decay_from: int | None = Field(default=None, ge=0)
    """Step after which the learning rates decay linearly until the last step; null keeps them constant."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    precision: Precision = "float32"
    channels_last: bool = False
    """Store tensors in channels-last memory format, which is faster for convolutions in bf16 on a GPU."""
    compile: bool = False
    """Use torch.compile; takes minutes at the start, and again for each new size."""
    reuse_image: bool = False
    """Show the discriminator the image of the generator's step, as pix2pixHD's release does, instead of a new one."""
    accumulate: PositiveInt = 1
    """Micro-batches of a process per step, to save memory. Each is a forward pass of its own: batch statistics and
    spectral vectors see micro-batches."""
    flip: bool = True
    workers: int = Field(default=0, ge=0)
    """Data loading processes per training process; 0 loads in a thread."""
    log_every: PositiveInt = 20
    save_every: PositiveInt = 100
    keep: PositiveInt = 2
    """Newest checkpoints that are kept, besides the best."""
    explodes_at: PositiveFloat = 1e6
    """Training stops when the absolute value of a loss term is larger."""
    grid_every: PositiveInt = 500
    init_from: str | None = None
    """Checkpoint whose weights training begins with; null, or the file that draws them, draws them."""
    init_classes: dict[str, str] = {}
    """Name of a class in that checkpoint, for each class that is called otherwise here."""
    keep_discriminator: bool = False
    """Whether the published checkpoint holds the discriminator too, which a fine-tuning can begin with."""

    @model_validator(mode="after")
    def _accumulate_divides_batch_and_decay_starts_before_the_end(self) -> "TrainingConfig":
        if self.batch % self.accumulate:
            raise ValueError(f"accumulate is {self.accumulate}, which does not divide a batch of {self.batch}")
        if self.decay_from is not None and self.decay_from >= self.steps:
            raise ValueError(f"decay_from is {self.decay_from}, which is not before the last of {self.steps} steps")
        return self


@runtime_checkable
class Trainable(Protocol):
    """What the loop requires of a system: its networks, and two sets of named, weighted loss terms."""

    if TYPE_CHECKING:  # since Python 3.12 isinstance does not see the submodules of a module

        @property
        def generator(self) -> nn.Module: ...  # noqa: D102
        @property
        def encoder(self) -> nn.Module | None: ...  # noqa: D102
        @property
        def discriminator(self) -> nn.Module: ...  # noqa: D102

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the loss terms of the generator and encoder."""
        ...

    def discriminator_terms(self, batch: Batch, noise: Noise, fakes: Image | None = None) -> dict[str, Tensor]:
        """Return the loss terms of the discriminator; `fakes` are the generator's images if they are reused."""
        ...


@runtime_checkable
class CollectsStatistics(Protocol):
    """A system whose moving average sees batches of its own before its images are looked at (OASIS)."""

    averages_buffers: bool
    """Whether the average is one of batch statistics and spectral vectors too."""
    statistics_batches: int

    def reconstruct(self, batch: Batch, noise: Noise) -> Image:
        """Generate images of a batch's label maps."""
        ...


@runtime_checkable
class Batches(Protocol):
    """What the loop requires of a data loader."""

    def from_step(self, step: int) -> Iterator[Transferable]:
        """Return an endless iterator over the batches from this step on, counted from 0."""
        ...


class CapturedFakes:
    """Computes the loss terms of the generator, and keeps the first image that it generates for each micro-batch."""

    def __init__(self, generator: nn.Module, terms: Callable[[Batch, Noise], dict[str, Tensor]]) -> None:
        self._generator, self._terms = generator, terms
        self.images: list[Tensor] = []

    def __call__(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the loss terms."""
        outputs: list[Tensor] = []
        hook = self._generator.register_forward_hook(lambda network, args, image: outputs.append(image.detach()))
        try:
            terms = self._terms(batch, noise)
        finally:
            hook.remove()
        self.images.append(outputs[0])
        return terms


class Trainer:
    """Networks, optimizers and moving average: everything that a step changes and that a run resumes from."""

    def __init__(self, system: Trainable, config: TrainingConfig, distributed: DistributedContext) -> None:
        self.system, self.config, self.distributed = system, config, distributed
        self.step = 0
        self._on_phase: Callable[[str], None] = lambda name: None
        self._networks = {"generator": system.generator, "discriminator": system.discriminator}
        if system.encoder is not None:
            self._networks["encoder"] = system.encoder
        self._memory_format = torch.channels_last if config.channels_last else torch.contiguous_format
        for network in self._networks.values():
            network.to(memory_format=self._memory_format)
            if config.compile:
                compile_forward(network)
        generating = {name: network for name, network in self._networks.items() if name != "discriminator"}
        averages_buffers = isinstance(system, CollectsStatistics) and system.averages_buffers
        self.ema = ExponentialMovingAverage(generating, decay=config.ema, average_buffers=averages_buffers)
        self.generator_optimizer = self._optimizer(list(generating.values()), lr=config.lr_generator)
        self.discriminator_optimizer = self._optimizer([system.discriminator], lr=config.lr_discriminator)
        for network in self._networks.values():
            network.train()

    def train_step(self, step: int, batch: Batch, *, seed: int) -> dict[str, Tensor]:
        """Update the generator and encoder, then the discriminator, then the moving average.

        Args:
            step: Number of the step, from 1.
            batch: This process's share of the global batch.
            seed: The noise depends on the seed and the step alone.

        Returns:
            The loss terms of this process, still on the device.
        """
        scale = lr_scale(step, steps=self.config.steps, decay_from=self.config.decay_from)
        self.generator_optimizer.set_lr_scale(scale)
        self.discriminator_optimizer.set_lr_scale(scale)
        batch = replace(batch, image=batch.image.contiguous(memory_format=self._memory_format))
        micro_batches = batch.split(self.config.accumulate) if self.config.accumulate > 1 else [batch]
        precision = {"precision": self.config.precision, "device": self.distributed.device}

        # Generator and encoder
        generator_terms = autocast(self.system.generator_terms, **precision)
        fakes = CapturedFakes(self.system.generator, generator_terms) if self.config.reuse_image else None
        inputs = zip(micro_batches, self._noises(seed, "generator", step), strict=True)
        terms = self.generator_optimizer.step([partial(fakes or generator_terms, *each) for each in inputs])

        # Discriminator
        discriminator_terms = autocast(self.system.discriminator_terms, **precision)
        reused = [fakes.images] if fakes else []
        inputs = zip(micro_batches, self._noises(seed, "discriminator", step), *reused, strict=True)
        terms |= self.discriminator_optimizer.step([partial(discriminator_terms, *each) for each in inputs])

        self._on_phase("optimizer")
        self.ema.update(step)
        self._on_phase("other")
        self.step = step
        return terms

    @contextmanager
    def averaged(self, batches: "Batches", *, seed: int) -> Iterator[None]:
        """Put the moving average into the networks, in eval mode, as it is sampled and exported.

        Where the system asks for it, the average sees the batches of the next steps in training mode first. What it
        collects then stays in the average.
        """
        with self.ema.applied():
            if isinstance(self.system, CollectsStatistics):
                self.ema.collect_statistics(self._statistics_passes(self.system, batches, seed=seed))
            yield

    def on_phase(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with "communication", "optimizer" or "other" when that phase of a step begins."""
        self._on_phase = callback
        self.generator_optimizer.on_phase = self.discriminator_optimizer.on_phase = callback

    def diagnostics(self) -> dict[str, float]:
        """Return learning rates, gradient norms, and the largest spectral norms of normalized networks."""
        sides = {"generator": self.generator_optimizer, "discriminator": self.discriminator_optimizer}
        norms = {side: largest_spectral_norm(self._networks[side]) for side in sides}
        return {
            **{f"lr_{side}": optimizer.lr for side, optimizer in sides.items()},
            **{f"gradient_{side}": float(optimizer.gradient_norm()) for side, optimizer in sides.items()},
            **{f"spectral_{side}": float(norm) for side, norm in norms.items() if norm is not None},
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state as nested dicts of tensors and numbers."""
        return {
            "step": self.step,
            "networks": {name: network.state_dict() for name, network in self._networks.items()},
            "generator": self.generator_optimizer.state_dict(),
            "discriminator": self.discriminator_optimizer.state_dict(),
            "average": self.ema.tensors,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned; training resumes after its step."""
        self.step = state["step"]
        for name, network in self._networks.items():
            network.load_state_dict(state["networks"][name])
        self.generator_optimizer.load_state_dict(state["generator"])
        self.discriminator_optimizer.load_state_dict(state["discriminator"])
        self.ema.load(state["average"])

    def _optimizer(self, networks: list[nn.Module], *, lr: float) -> OptimizerStep:
        scale_losses = self.config.precision == "fp16"
        betas = self.config.betas
        return OptimizerStep(networks, lr=lr, betas=betas, distributed=self.distributed, scale_losses=scale_losses)

    def _statistics_passes(
        self, system: CollectsStatistics, batches: "Batches", *, seed: int
    ) -> Iterator[Callable[[], object]]:
        distributed = self.distributed
        reconstruct = autocast(system.reconstruct, precision=self.config.precision, device=distributed.device)
        data = batches.from_step(self.step) if system.statistics_batches else iter(())
        for number in range(system.statistics_batches):
            batch = to_device(next(data), system, distributed.device)
            draws = generator(seed, "statistics", self.step, number)
            yield partial(reconstruct, batch, Noise(draws, share=distributed.rank, shares=distributed.world_size))

    def _noises(self, seed: int, purpose: str, step: int) -> list[Noise]:
        """Return the noise of each micro-batch: its slice of the noise of the global batch."""
        count = self.config.accumulate
        first, total = self.distributed.rank * count, self.distributed.world_size * count
        return [Noise(generator(seed, purpose, step), share=first + number, shares=total) for number in range(count)]


def train(
    trainer: Trainer,
    batches: Batches,
    *,
    seed: int,
    checkpoints: CheckpointManager,
    logger: MetricLogger,
    log_sample_grid: Callable[[int], None],
    validation: Validation | None = None,
    title: str = "training",
) -> None:
    """Train from the trainer's step to the last one, or until validation stops early.

    Args:
        trainer: The state, at the step that the run resumes from.
        batches: The data loader of this process.
        seed: Noise depends on the seed and the step alone, so no generator is part of the state.
        checkpoints: Where the state is saved every `save_every` steps, and after each validation.
        logger: Receives the loss terms and diagnostics every `log_every` steps.
        log_sample_grid: Called on the main process every `grid_every` steps and after the last, with the moving
            average applied; validation measures so too, on all processes.
        validation: When to measure and when to stop early; None never does.
        title: Title of the progress bar.

    Raises:
        LabelError: if an image has more instances than the system has slots for.
        TrainingError: if a loss term is not finite or explodes; names the step, the term, the images and a crash dump.
        DiskError: if a checkpoint or grid cannot be written; the last good checkpoint stays.
        ShutdownRequested: after a SIGTERM to any process, when a checkpoint is saved.
    """
    config, distributed = trainer.config, trainer.distributed
    data = batches.from_step(trainer.step)
    validation = validation or Validation()
    meter = ThroughputMeter(trainer.step, batch=config.batch, device=distributed.device)
    guard = NonFiniteGuard(distributed, config.explodes_at, checkpoints.folder.with_name("crash-dump.pt"))
    bar = ProgressBar(title, total=config.steps, unit="steps", visible=distributed.is_main)

    with ShutdownSignal(distributed) as shutdown, checkpoints, bar:
        bar.skip(trainer.step)
        for step in range(trainer.step + 1, config.steps + 1):
            if validation.should_stop_early(trainer.step):
                bar.advance(0, note=f"stopped early: no validation was better than {validation.best}")
                break
            shutdown.start_vote()
            with meter.waiting():
                batch = to_device(next(data), trainer.system, distributed.device)
            terms = trainer.train_step(step, batch, seed=seed)

            stops = shutdown.requested()
            intervals = config.log_every, config.grid_every, config.save_every
            logs, draws, saves = (step % every == 0 or step == config.steps for every in intervals)
            validates = validation.is_due(step, last=config.steps)
            fetches = logs or draws or saves or validates or stops
            means = guard.check(terms, step=step, batch=batch, state=trainer.state_dict) if fetches else {}
            metrics = trainer.diagnostics() | meter.measure(step) if logs else {}
            score = None
            averaged = trainer.averaged(batches, seed=seed) if draws or validates else nullcontext()
            with meter.paused(), averaged:
                if draws and distributed.is_main:
                    log_sample_grid(step)
                if validates:
                    score, validation_metrics = validation.validate(step)
                    metrics |= validation_metrics
            if metrics:
                logger.log(step, means | metrics)
            if (saves or validates or stops) and distributed.is_main:
                checkpoints.save(step, trainer.state_dict(), score=score)
            bar.advance(note="  ".join(f"{name} {value:.3g}" for name, value in means.items()))
            if stops:
                raise ShutdownRequested
