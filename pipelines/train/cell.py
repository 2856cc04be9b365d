"""One process's work on one cell of the table."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from pipelines import tracking
from pipelines.train.config import Params
from pipelines.train.measuring import Measuring
from smis.core import contact_sheet
from smis.core.batch import Batch
from smis.core.errors import CheckpointError
from smis.core.files import written, written_folder
from smis.core.seeding import generator
from smis.data.loader import Loader
from smis.data.shards import Prepared
from smis.sampling.grid import sample_groups
from smis.sampling.sampler import Samplable, covering
from smis.training.distributed import Processes
from smis.training.export import description, save_weights
from smis.training.heartbeat import NAME as HEARTBEAT
from smis.training.heartbeat import Heartbeat
from smis.training.learner import Learner
from smis.training.states import States
from smis.training.tracker import History, Several, Silence, Tracker
from smis.training.trainer import train
from smis.training.validation import Validation

_GRID_ROWS = 6


class Cell:
    """A system that learns from a data set, and goes on from what an earlier try left."""

    def __init__(self, dataset: str, system: str, params: Params, processes: Processes) -> None:
        self.dataset, self.name, self.params, self.processes = dataset, system, params, processes
        self.data = Prepared(Path("data") / dataset)
        self.configuration = {
            "cell": f"{dataset}/{system}",
            "data": hashlib.sha256(json.dumps(self.data.header.metadata()).encode()).hexdigest(),
            **params.model_dump(mode="json"),
        }
        digest = hashlib.sha256(json.dumps(self.configuration, sort_keys=True).encode()).hexdigest()
        self.scratch = Path(".scratch") / f"train-{digest[:16]}"
        self.out = Path("runs") / dataset / system

    def train(self) -> None:
        """Train, and write runs/DATASET/SYSTEM."""
        system = self._system()
        learner = Learner(system, self.params.train, self.processes)
        states = States(self.scratch / "states", self.configuration, keep=self.params.train.keep)
        state = states.newest(self.processes.device)
        if state is not None:
            learner.restore(state)
        elif self.processes.first:
            self.data.split("train").verify()
        self._agree(learner.step)
        mirror = self._mirror(learner.step)
        try:
            self._learn(learner, states, self._tracker(learner.step, mirror), system)
            if self.processes.first:
                self._choose(learner, states)
                self._publish(learner)
                mirror.finish(self.out / "checkpoint.safetensors")
                shutil.rmtree(self.scratch)
        except BaseException:
            mirror.close()
            raise

    def _agree(self, step: int) -> None:
        """Refuse to mix states, as machines that do not share their disk would."""
        steps = sorted(set(self.processes.gathered(step)))
        if len(steps) > 1:
            raise CheckpointError(
                f"processes would go on from different steps {steps}; all machines must see one folder {self.scratch}"
            )

    def _learn(self, learner: Learner, states: States, tracker: Tracker, system: Samplable) -> None:
        shown = self._shown()

        def look(step: int) -> None:
            path = self.scratch / "grids" / f"step-{step:06d}.png"
            groups = sample_groups(system, shown, palette=self.data.palette, seed=self.params.seed)
            contact_sheet.save(path, contact_sheet.paint(groups))
            tracker.picture(step, "grid", path)

        train(
            learner,
            self._loader(),
            seed=self.params.seed,
            states=states,
            tracker=tracker,
            look=look,
            validation=self._validation(system, states),
            title=f"training {self.name} on {self.dataset}",
        )

    def _validation(self, system: Samplable, states: States) -> Validation | None:
        config = self.params.validation
        if config.every is None:
            return None
        split = self.data.split("validation")
        measuring = Measuring(config, split, system, self.processes, seed=self.params.seed)
        return Validation(config, measuring, best=states.best_step)

    def _tracker(self, after: int, mirror: Tracker) -> Tracker:
        if not self.processes.first:
            return Silence()
        heartbeat = Heartbeat(
            self.scratch / HEARTBEAT,
            title=f"{self.name} on {self.dataset}",
            steps=self.params.train.steps,
            batch=self.params.train.batch,
            processes=self.processes.world,
            device=self.processes.device.type,
        )
        return Several(History(self.scratch / "history.jsonl", after=after), heartbeat, mirror)

    def _mirror(self, after: int) -> tracking.Mirror | tracking.Nothing:
        if not self.processes.first:
            return tracking.Nothing()
        device = self.processes.device.type
        cell = f"{self.dataset}/{self.name}"
        return tracking.mirror(cell, dict(self.params), state=self.scratch, device=device, after=after)

    def _system(self) -> Any:
        # Bit-exact resume on a CPU needs sums in one order. Filling fresh memory is for debugging only.
        torch.use_deterministic_algorithms(self.processes.device.type == "cpu")
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
        torch.manual_seed(generator(self.params.seed, "weights").initial_seed())
        data = self.data
        config: Any = self.params.system
        system = config.build(classes=len(data.classes), height=data.height, width=data.width, training=True)
        return system.to(self.processes.device)

    def _loader(self) -> Loader:
        config = self.params.train
        return Loader(
            self.data.split("train"),
            batch=config.batch,
            seed=self.params.seed,
            part=self.processes.rank,
            parts=self.processes.world,
            workers=config.workers,
            flip=config.flip,
            late=self.processes.device.type != "cpu",
        )

    def _shown(self) -> list[Batch]:
        split = self.data.split("validation")
        chosen = covering([counts.nonzero()[0].tolist() for counts in split.pixels], _GRID_ROWS)
        return [split.batch([index]).to(self.processes.device) for index in chosen]

    def _choose(self, learner: Learner, states: States) -> None:
        best = states.best(self.processes.device) if self.params.validation.publish == "best" else None
        if best is not None:
            learner.restore(best)

    def _publish(self, learner: Learner) -> None:
        """Write the outs; only then is the scratch folder of no more use."""
        data = self.data
        metadata = description(
            system=self.name,
            config=self.params.system,
            dataset=self.dataset,
            classes=data.classes,
            palette=data.palette,
            height=data.height,
            width=data.width,
            step=learner.step,
        )
        save_weights(self.out / "checkpoint.safetensors", learner.average.tensors, metadata=metadata)
        with written(self.out / "history.jsonl") as beside:
            shutil.copyfile(self.scratch / "history.jsonl", beside)
        with written_folder(self.out / "grids") as beside:
            shutil.copytree(self.scratch / "grids", beside, dirs_exist_ok=True)
