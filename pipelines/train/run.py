"""Train a system on a data set: this process starts `torchrun`, whose processes train.

Repeat the command after any interruption (kill -9, a full disk, a power cut): it resumes from the newest checkpoint.
Lost processes are restarted `$SMIS_RESTARTS` times (default 3); SIGTERM saves a checkpoint first. `$SMIS_PROCESSES`
(default 1) and `$SMIS_DEVICE` (default: CUDA if available) are no parameters: results depend on the global batch. Under
a `torchrun` of your own (several machines), this process is one of the workers.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field, PositiveInt, SerializeAsAny

from pipelines import tracking
from pipelines.cell import Cell
from pipelines.params import read
from pipelines.train.finished import FinishedTraining, without_schedule
from pipelines.train.initial import InitialCheckpoint
from smis.core import contact_sheet
from smis.core.batch import Batch
from smis.core.config import Config
from smis.core.errors import CheckpointError
from smis.core.files import written, written_folder
from smis.core.history import HistoryLogger
from smis.core.images import to_image
from smis.core.messages import report
from smis.core.sample import SampleRow
from smis.core.seeding import generator
from smis.core.shapes import Image
from smis.data.loader import Loader
from smis.data.shards import Prepared, Split
from smis.metrics.image import embeddings, lpips
from smis.metrics.image.embeddings import EmbeddingName
from smis.metrics.image.fid import FrechetDistance, Moments
from smis.metrics.image.lpips import NetworkName
from smis.metrics.image.result import Bootstrap, gather
from smis.metrics.image.sample_diversity import Diversity
from smis.models.system_registry import SYSTEMS
from smis.sampling.grid import sample_groups
from smis.sampling.sampler import Samplable, Sampler, covering
from smis.training.checkpoints import CheckpointManager
from smis.training.distributed import DistributedContext, distributed_context, is_torchrun_worker
from smis.training.export import description, read_checkpoint, save_weights, tensors_of
from smis.training.initial_weights import Target, initialize_from
from smis.training.launch import launch_torchrun, parse_processes, report_errors
from smis.training.loggers import STATUS_FILE, CompositeLogger, MetricLogger, NullLogger, RunStatusLogger
from smis.training.loop import Trainer, TrainingConfig, train
from smis.training.validation import Criterion, Validation, ValidationConfig

_GRID_ROWS = 6
_POINT_ESTIMATE = Bootstrap(resamples=1)
"""A learning curve has no intervals."""


class ValidationMetricsConfig(ValidationConfig):
    """When to validate, and on how many images; more images give steadier values and take longer."""

    images: PositiveInt | None = None
    """Validation images for the Fréchet distance, evenly spaced; null takes all."""
    label_maps: PositiveInt = 8
    """Label maps for the diversity."""
    samples: int = Field(default=4, ge=2)
    """Images of each of these label maps."""
    embedding: EmbeddingName = "stlpips_vgg16"
    """Network of the Fréchet distance; `inception_fid` gives FID."""
    network: NetworkName = "stlpips_alex"
    """Network of the diversity."""
    batch: PositiveInt = 16


class Params(Config):
    """The sections of params.yaml that training depends on, and the cell's seed."""

    seed: int
    train: TrainingConfig
    validation: ValidationMetricsConfig
    system: SerializeAsAny[Config]


def main(dataset: str, system: str, seed: str) -> None:
    """Train one system on one data set with one seed."""
    cell = Cell.parse(dataset, system, seed)
    params = read(Params, system=system, seed=cell.seed)
    if not is_torchrun_worker():
        processes = parse_processes(os.environ.get("SMIS_PROCESSES", "1"), batch=params.train.batch)
        launch_torchrun("pipelines.train", dataset, system, seed, processes=processes)
        return
    with report_errors(), distributed_context() as distributed:
        TrainingRun(cell, params, distributed).train()


class TrainingRun:
    """One process of a training run, which resumes from the checkpoints of an earlier try."""

    def __init__(self, cell: Cell, params: Params, distributed: DistributedContext) -> None:
        self.cell, self.params, self.distributed = cell, params, distributed
        self.data = Prepared(Path("data") / cell.dataset)
        self.initial = InitialCheckpoint.find(params.train.init_from)
        self.configuration = {
            "cell": f"{cell.dataset}/{cell.system}",
            "data": hashlib.sha256(json.dumps(self.data.header.metadata()).encode()).hexdigest(),
            "init_from": self.initial and self.initial.sha256,
            **params.model_dump(mode="json"),
        }
        self.scratch = Path(".scratch") / f"train-{_digest(self.configuration)}"
        kept = _digest(without_schedule(self.configuration))
        self.finished = FinishedTraining(cell.name, kept, params.train)

    def train(self) -> None:
        """Train, and write the cell's checkpoint, history and grids."""
        self._continue_finished()
        # the folder's name says the steps and their rates
        configuration = without_schedule(self.configuration)
        checkpoints = CheckpointManager(self.scratch / "states", configuration, keep=self.params.train.keep)
        state = checkpoints.load_newest(self.distributed.device)
        system = self._build_system(initialized=state is None)
        trainer = Trainer(system, self.params.train, self.distributed)
        if state is not None:
            trainer.load_state_dict(state)
        elif self.distributed.is_main:
            self.data.split("train").verify()
        self._check_same_step(trainer.step)
        live_run = self._live_run(trainer.step)
        try:
            self._run_loop(trainer, checkpoints, self._logger(trainer.step, live_run), system)
            if self.distributed.is_main:
                last = trainer.step
                self._load_best(trainer, checkpoints)
                self._export(trainer)
                live_run.finish()
                self.finished.keep(self.scratch, checkpoints, step=last)
        except BaseException:
            live_run.close()
            raise

    def _continue_finished(self) -> None:
        """Continue a finished training that had fewer steps; all processes wait for its copy."""
        told = self.finished.copy_to(self.scratch) if self.distributed.is_main else None
        self.distributed.all_gather_object(None)
        if told is not None:
            report(f"{self.cell.title} {told}")

    def _check_same_step(self, step: int) -> None:
        """Raise a CheckpointError if processes resume from different steps: machines do not share the disk."""
        steps = sorted(set(self.distributed.all_gather_object(step)))
        if len(steps) > 1:
            raise CheckpointError(
                f"processes would resume from different steps {steps}; all machines must share {self.scratch}"
            )

    def _run_loop(
        self, trainer: Trainer, checkpoints: CheckpointManager, logger: MetricLogger, system: Samplable
    ) -> None:
        label_maps = self._grid_label_maps()

        def log_sample_grid(step: int) -> None:
            path = self.scratch / "grids" / f"step-{step:06d}.png"
            groups = sample_groups(system, label_maps, palette=self.data.palette, seed=self.params.seed)
            contact_sheet.save(path, contact_sheet.paint(groups))
            logger.log_image(step, "grid", path)

        train(
            trainer,
            self._loader(),
            seed=self.params.seed,
            checkpoints=checkpoints,
            logger=logger,
            log_sample_grid=log_sample_grid,
            validation=self._validation(system, checkpoints),
            title=f"training {self.cell.title}",
        )

    def _validation(self, system: Samplable, checkpoints: CheckpointManager) -> Validation | None:
        config = self.params.validation
        if config.every is None:
            return None
        split = self.data.split("validation")
        measure = ValidationMetrics(config, split, system, self.distributed, seed=self.params.seed)
        return Validation(config, measure, best=checkpoints.best_step)

    def _logger(self, after: int, live_run: MetricLogger) -> MetricLogger:
        if not self.distributed.is_main:
            return NullLogger()
        status = RunStatusLogger(
            self.scratch / STATUS_FILE,
            title=self.cell.title,
            steps=self.params.train.steps,
            batch=self.params.train.batch,
            processes=self.distributed.world_size,
            device=self.distributed.device.type,
        )
        return CompositeLogger(HistoryLogger(self.scratch / "history.jsonl", after=after), status, live_run)

    def _live_run(self, after: int) -> tracking.LiveRun | tracking.DisabledRun:
        if not self.distributed.is_main:
            return tracking.DisabledRun()
        device = self.distributed.device.type
        return tracking.start_run(self.cell, dict(self.params), state=self.scratch, device=device, after=after)

    def _build_system(self, *, initialized: bool) -> Any:
        # Bit-exact resume on a CPU needs sums in one order. Filling fresh memory is for debugging only.
        torch.use_deterministic_algorithms(self.distributed.device.type == "cpu")
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
        torch.manual_seed(generator(self.params.seed, "weights").initial_seed())
        data = self.data
        config: Any = self.params.system
        system = config.build(classes=len(data.classes), height=data.height, width=data.width, training=True)
        if self.initial is not None and initialized:
            self._initialize(system, self.initial)
        return system.to(self.distributed.device)

    def _initialize(self, system: Any, initial: InitialCheckpoint) -> None:
        data = self.data
        target = Target(self.cell.system, self.params.system, data.classes, data.height, data.width)
        checkpoint = read_checkpoint(initial.path, SYSTEMS)
        carried = initialize_from(system, checkpoint, target, renamed=self.params.train.init_classes)
        if self.distributed.is_main:
            report(f"{self.cell.title} begins with {initial.named}: {carried}")

    def _loader(self) -> Loader:
        config = self.params.train
        return Loader(
            self.data.split("train"),
            batch=config.batch,
            seed=self.params.seed,
            rank=self.distributed.rank,
            world_size=self.distributed.world_size,
            workers=config.workers,
            flip=config.flip,
            late=self.distributed.device.type != "cpu",
        )

    def _grid_label_maps(self) -> list[Batch]:
        split = self.data.split("validation")
        chosen = covering([counts.nonzero()[0].tolist() for counts in split.pixels], _GRID_ROWS)
        return [split.batch([index]).to(self.distributed.device) for index in chosen]

    def _load_best(self, trainer: Trainer, checkpoints: CheckpointManager) -> None:
        if self.params.validation.publish == "best":
            state = checkpoints.load_best(self.distributed.device)
            if state is not None:
                trainer.load_state_dict(state)

    def _export(self, trainer: Trainer) -> None:
        """Write the outs."""
        data = self.data
        described = description(
            system=self.cell.system,
            config=self.params.system,
            dataset=self.cell.dataset,
            classes=data.classes,
            palette=data.palette,
            height=data.height,
            width=data.width,
            step=trainer.step,
        )
        metadata = described | (self.initial.metadata() if self.initial else {})
        kept = {"discriminator": trainer.system.discriminator} if self.params.train.keep_discriminator else {}
        tensors = trainer.ema.tensors | tensors_of(kept)
        save_weights(self.cell.checkpoint, tensors, metadata=metadata)
        with written(self.cell.history) as temporary:
            shutil.copyfile(self.scratch / "history.jsonl", temporary)
        with written_folder(self.cell.grids) as temporary:
            shutil.copytree(self.scratch / "grids", temporary, dirs_exist_ok=True)


def _digest(configuration: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:16]


class ValidationMetrics:
    """Fréchet distance and diversity on validation images, with the functions of the stage `evaluate`.

    Each process generates its share of the images; batches, and so the noise, do not depend on the number of processes.
    """

    def __init__(
        self,
        config: ValidationMetricsConfig,
        split: Split,
        system: Any,
        distributed: DistributedContext,
        *,
        seed: int,
    ) -> None:
        self._config, self._split, self._distributed = config, split, distributed
        self._sampler = Sampler(system, seed=seed, batch=config.batch, device=distributed.device)
        self._embedding = embeddings.load(config.embedding, distributed.device)
        self._network = lpips.load(config.network).to(distributed.device)
        self._batches = split.batch_numbers(config.batch, limit=config.images)
        self._diverse = covering([row.nonzero()[0].tolist() for row in split.pixels], config.label_maps)
        moments = Moments(self._embedding.dimensions)
        for chosen in self._batches:
            moments.update(self._embedding.of(split.batch(chosen).image))
        self._real = moments.statistics(json.dumps(embeddings.protocol(config.embedding)))

    def __call__(self) -> Mapping[Criterion, float]:
        """Return both metrics, the same bits in every process."""
        rank, world_size = self._distributed.rank, self._distributed.world_size
        distance, diversity = FrechetDistance("fd", self._real, {}), Diversity(self._network)
        for chosen in self._batches[rank::world_size]:
            rows = list(self._sampler.single([self._split.batch(chosen)]))
            distance.update(self._embedding.of(self._images(rows)), [row.key for row in rows])
        for index in self._diverse[rank::world_size]:
            rows = list(self._sampler.vary_all(self._split.batch([index]), samples=self._config.samples))
            diversity.update(rows[0].key, self._images(rows))
        metrics: dict[Criterion, float] = {
            "fd": gather(distance).compute(_POINT_ESTIMATE).value,
            "lpips": gather(diversity).compute(_POINT_ESTIMATE).value,
        }
        # each process has merged in a different order, which changes the last bits
        return self._distributed.all_gather_object(metrics)[0]

    def _images(self, rows: Sequence[SampleRow]) -> Image:
        return to_image(np.stack([row.image for row in rows]), device=self._distributed.device)
