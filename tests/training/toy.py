"""A system with everything that is hard to resume or to share, in a few numbers; run as a script, it trains.

`python toy.py FOLDER STEPS [SAVE_EVERY]` goes on from what lies in FOLDER and at the end writes
FOLDER/final.safetensors.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, relu
from torch.nn.utils import spectral_norm

from smis.core.batch import Batch
from smis.core.history import HistoryLogger
from smis.core.seeding import Noise, generator
from smis.core.style import Style
from smis.nn.batch_norm import BatchNorm
from smis.training.checkpoints import CheckpointManager
from smis.training.distributed import DistributedContext, distributed_context
from smis.training.export import save_weights
from smis.training.launch import report_errors
from smis.training.loggers import NullLogger
from smis.training.loop import Trainer, TrainingConfig, train

CLASSES, SIZE = 3, 8


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        # No bias: before a normalization its gradient is 0, and Adam would scale up what rounding leaves of it.
        self.first = spectral_norm(nn.Conv2d(CLASSES + 4, 8, 3, padding=1, bias=False))
        self.norm = BatchNorm(8)
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, labels: Tensor, code: Tensor) -> Tensor:
        layout = one_hot(labels.expand(len(code), -1, -1), CLASSES).permute(0, 3, 1, 2).float()
        codes = code[:, :, None, None].expand(-1, -1, *labels.shape[1:])
        return torch.tanh(self.last(relu(self.norm(self.first(torch.cat([layout, codes], 1))))))


class Toy(nn.Module):
    def __init__(self, *, broken_at: int = 0) -> None:
        super().__init__()
        self.generator = Generator()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 4))
        self.discriminator = nn.Sequential(spectral_norm(nn.Conv2d(3, 4, 3)), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3))
        self._steps, self._broken_at = 0, broken_at

    def _fake(self, batch: Batch, noise: Noise) -> tuple[Tensor, Tensor]:
        mean = self.encoder(batch.image)
        return self.generator(batch.labels, mean + noise.normal(*mean.shape)), mean

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        self._steps += 1
        fake, mean = self._fake(batch, noise)
        near = (fake - batch.image).abs().mean()
        if self._steps == self._broken_at:
            near = near / 0
        return {"GAN": -self.discriminator(fake).mean(), "L1": near, "KLD": 0.01 * mean.square().sum() * batch.shares}

    def discriminator_terms(self, batch: Batch, noise: Noise, fakes: Tensor | None = None) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self._fake(batch, noise)[0] if fakes is None else fakes
        of_fake, of_real = self.discriminator(torch.cat([fake, batch.image])).chunk(2)
        return {"D_Fake": relu(1 + of_fake).mean(), "D_Real": relu(1 - of_real).mean()}

    def sample(self, labels: Tensor, instances: Tensor, noise: Noise) -> Style:
        return Style(classes=noise.normal(len(labels), CLASSES, 4))

    def synthesize(self, labels: Tensor, instances: Tensor, style: Style) -> Tensor:
        assert style.classes is not None
        return self.generator(labels, style.classes.sum(1))


def batch_of(step: int, size: int = 8) -> Batch:
    """The global batch of a step."""
    draws = generator(0, "toy data", step)
    labels = torch.randint(0, CLASSES, (size, SIZE, SIZE), generator=draws)
    image = torch.rand(size, 3, SIZE, SIZE, generator=draws) * 2 - 1
    return Batch(image, labels, torch.zeros_like(labels), tuple(f"{step}/{n}" for n in range(size)))


class Data:
    """Batches made by code."""

    def __init__(self, distributed: DistributedContext) -> None:
        self._rank, self._world = distributed.rank, distributed.world_size

    def from_step(self, step: int) -> Iterator[Batch]:
        while True:
            whole = batch_of(step)
            share = slice(self._rank * 8 // self._world, (self._rank + 1) * 8 // self._world)
            maps = whole.labels[share], whole.instances[share]
            yield Batch(whole.image[share], *maps, whole.keys[share], shares=self._world)
            step += 1


def trainer_of(config: TrainingConfig, distributed: DistributedContext | None = None, *, broken_at: int = 0) -> Trainer:
    torch.manual_seed(0)
    return Trainer(Toy(broken_at=broken_at), config, distributed or DistributedContext())


def config_of(steps: int, **more: object) -> TrainingConfig:
    often = {"log_every": 1, "save_every": 1, "grid_every": 7, "decay_from": steps // 2}
    return TrainingConfig.model_validate({"steps": steps, "batch": 8, **often, **more})


def learned(
    folder: Path, config: TrainingConfig, distributed: DistributedContext | None = None, *, broken_at: int = 0
) -> Trainer:
    """Train from what lies in the folder to the end."""
    distributed = distributed or DistributedContext()
    trainer = trainer_of(config, distributed, broken_at=broken_at)
    checkpoints = CheckpointManager(folder / "states", config.model_dump())
    state = checkpoints.load_newest()
    if state is not None:
        trainer.load_state_dict(state)
    logger = HistoryLogger(folder / "history.jsonl", after=trainer.step) if distributed.is_main else NullLogger()
    train(trainer, Data(distributed), seed=0, checkpoints=checkpoints, logger=logger, log_sample_grid=lambda step: None)
    return trainer


def main(folder: Path, steps: int, save_every: int = 1) -> None:
    torch.set_num_threads(1)
    with report_errors(), distributed_context("cpu") as distributed:
        trainer = learned(folder, config_of(steps, save_every=save_every), distributed)
        if distributed.is_main:
            save_weights(folder / "final.safetensors", trainer.ema.tensors, metadata={"a": "1", "b": "2", "c": "3"})


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
