"""The last state of a finished training, from which a training of more steps continues.

It lies in `.scratch/finished/DATASET/SYSTEM/seed-SEED`, one for each cell; it may be deleted at any time.
`$SMIS_KEEP=0` keeps none, and neither do the trials of a sweep, whose workspaces are many.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from smis.core.files import written, written_folder
from smis.training.checkpoints import CheckpointManager
from smis.training.loggers import STATUS_FILE
from smis.training.loop import TrainingConfig
from smis.training.optimizer import lr_scale

_SCHEDULE = ("steps", "decay_from")
_NOTE = "finished.json"
_OF_ONE_RUN = (STATUS_FILE, "mlflow.json")
"""Parameters of a run in MLflow cannot change: the longer training is another run."""


class _Finished(BaseModel):
    step: int
    steps: int
    decay_from: int | None


def without_schedule(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a training's configuration without what may change when it continues: its steps and their rates."""
    section = {key: value for key, value in configuration["train"].items() if key not in _SCHEDULE}
    return {**configuration, "train": section}


class FinishedTraining:
    """The kept state of a cell's last training, if that was configured alike but for its steps and their rates.

    Args:
        cell: Its name.
        digest: Of the configuration without its schedule.
        config: The schedule of the training that may continue it.
    """

    def __init__(self, cell: str, digest: str, config: TrainingConfig) -> None:
        self._cell, self._config = Path(".scratch/finished", cell), config
        self._folder = self._cell / digest

    def copy_to(self, scratch: Path) -> str | None:
        """Copy the state to where a training resumes from; return what to tell about it, or None if nothing fits.

        Raises:
            DiskError: if it cannot be copied.
        """
        try:
            last = _Finished.model_validate_json((self._folder / _NOTE).read_bytes())
        except (OSError, ValidationError):
            return None
        if last.step >= self._config.steps or any(scratch.glob("states/step-*.pt")):
            return None
        with written_folder(scratch) as temporary:
            shutil.copytree(self._folder, temporary, dirs_exist_ok=True)
        return self._told(last)

    def keep(self, scratch: Path, checkpoints: CheckpointManager, *, step: int) -> None:
        """Move a finished training's state here, in the place of the cell's former one, or delete it."""
        shutil.rmtree(self._cell, ignore_errors=True)
        if os.environ.get("SMIS_KEEP") == "0" or "SMIS_SWEEP" in os.environ:
            shutil.rmtree(scratch)
            return
        checkpoints.prune()
        for name in _OF_ONE_RUN:
            (scratch / name).unlink(missing_ok=True)
        last = _Finished(step=step, steps=self._config.steps, decay_from=self._config.decay_from)
        with written(scratch / _NOTE) as temporary:
            temporary.write_text(last.model_dump_json(), encoding="utf-8")
        self._cell.mkdir(parents=True, exist_ok=True)
        scratch.rename(self._folder)

    def _told(self, last: _Finished) -> str:
        config, step = self._config, last.step
        steps = f"train.steps {last.steps} -> {config.steps}"
        decay = "train.decay_from " + " -> ".join(
            "null" if each is None else str(each) for each in (last.decay_from, config.decay_from)
        )
        before = lr_scale(step, steps=last.steps, decay_from=last.decay_from)
        after = lr_scale(step + 1, steps=config.steps, decay_from=config.decay_from)
        return (
            f"continues the finished training from step {step} ({steps}, {decay}); "
            f"its last step had {before:.3g} times the learning rates, the next has {after:.3g}"
        )
