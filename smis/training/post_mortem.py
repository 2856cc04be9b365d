"""A step whose terms cannot be right ends the training, and leaves behind what there is to look at."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smis.core.batch import Batch
from smis.core.errors import DiskError, TrainingError
from smis.training.distributed import Processes
from smis.training.states import write


@dataclass(frozen=True)
class Examiner:
    """Fetches the terms of steps, and ends the training where one is not finite or above `explodes_at`."""

    processes: Processes
    explodes_at: float
    path: Path
    """Where the first process leaves {step, terms, keys, state} of such a step; no run goes on from it."""

    def means(
        self, terms: Mapping[str, Tensor], *, step: int, batch: Batch, state: Callable[[], dict[str, Any]]
    ) -> dict[str, float]:
        """Return the terms' means over the processes: the one place where a step waits for its device.

        Raises:
            TrainingError: names the step, the terms, the pictures of the processes where they are wrong, and the file.
        """
        own = torch.stack([term.double() for term in terms.values()])
        values = dict(zip(terms, self.processes.mean_(own.clone()).tolist(), strict=True))
        wrong = [name for name, value in values.items() if not self._sound(value)]
        if not wrong:
            return values
        shares = self.processes.gathered(() if all(map(self._sound, own.tolist())) else batch.keys)
        keys = [key for share in shares for key in share]
        left = self._leave({"step": step, "terms": values, "keys": keys}, state) if self.processes.first else ""
        left = self.processes.gathered(left)[0]  # the launcher may print the words of any process
        raise TrainingError(
            f"at step {step} {' and '.join(self._described(name, values[name]) for name in wrong)}, "
            f"with the pictures {', '.join(keys)}; {left}the last saved state is from before; "
            "lower train.lr_generator and train.lr_discriminator, or look at these pictures"
        )

    def _sound(self, value: float) -> bool:
        return abs(value) <= self.explodes_at  # which "not a number" is not

    def _described(self, name: str, value: float) -> str:
        limit = f", more than train.explodes_at ({self.explodes_at:g})" if math.isfinite(value) else ""
        return f"{name} is {value:g}{limit}"

    def _leave(self, found: dict[str, Any], state: Callable[[], dict[str, Any]]) -> str:
        try:
            write(self.path, {**found, "state": state()})
        except DiskError as error:
            return f"{error}; "
        return f"for a post-mortem, {self.path} holds the state, the terms and the keys; "
