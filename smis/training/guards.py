"""What ends a training run early: loss terms that are not finite, and SIGTERM."""

import math
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from smis.core.batch import Batch
from smis.core.errors import DiskError, TrainingError
from smis.training.checkpoints import write_torch_file
from smis.training.distributed import DistributedContext


@dataclass(frozen=True)
class NonFiniteGuard:
    """Ends training when a loss term is not finite, or its absolute value is above `limit`."""

    distributed: DistributedContext
    limit: float
    path: Path
    """The crash dump that the main process writes: {step, terms, keys, state}. No run resumes from it."""

    def check(
        self, terms: Mapping[str, Tensor], *, step: int, batch: Batch, state: Callable[[], dict[str, Any]]
    ) -> dict[str, float]:
        """Return the terms, averaged over the processes; the only place where a step waits for its device.

        Raises:
            TrainingError: names the step, the terms, the image keys of the processes that have them, and the crash
                dump.
        """
        own = torch.stack([term.double() for term in terms.values()])
        means = dict(zip(terms, self.distributed.all_reduce_mean_(own.clone()).tolist(), strict=True))
        invalid = [name for name, value in means.items() if not self._is_valid(value)]
        if not invalid:
            return means
        own_keys = () if all(map(self._is_valid, own.tolist())) else batch.keys
        keys = [key for share in self.distributed.all_gather_object(own_keys) for key in share]
        message = ""
        if self.distributed.is_main:
            message = crash_dump(self.path, {"step": step, "terms": means, "keys": keys}, state)
        message = self.distributed.all_gather_object(message)[0]  # the launcher may print the error of any process
        raise TrainingError(
            f"at step {step} {' and '.join(self._describe(name, means[name]) for name in invalid)}, "
            f"with the images {', '.join(keys)}; {message}the last checkpoint is from before; "
            "lower train.lr_generator and train.lr_discriminator, or look at these images"
        )

    def _is_valid(self, value: float) -> bool:
        return abs(value) <= self.limit  # False for NaN

    def _describe(self, name: str, value: float) -> str:
        limit = f", more than train.explodes_at ({self.limit:g})" if math.isfinite(value) else ""
        return f"{name} is {value:g}{limit}"


def crash_dump(path: Path, content: dict[str, Any], state: Callable[[], dict[str, Any]]) -> str:
    """Write what is needed to debug a failed step; return a clause for the error message, also if the disk is full."""
    try:
        write_torch_file(path, {**content, "state": state()})
    except DiskError as error:
        return f"{error}; "
    return f"{path} holds the state, the terms and the keys; "


class ShutdownRequested(SystemExit):
    """The run got SIGTERM and has saved a checkpoint; exit code 143, as a shell reports SIGTERM."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class ShutdownSignal:
    """Tells after each step whether any process got SIGTERM: the same answer in all processes.

    `start_vote` starts an all-reduce of one number between hosts when a step begins and `requested` reads it when the
    step ends, so that it has the whole step to arrive and no device waits for it. A signal during a step is known after
    the next one; a single process knows at once. A second SIGTERM changes nothing: torchrun sends SIGKILL after
    `$TORCH_ELASTIC_SHUTDOWN_TIMEOUT` (30 s).
    """

    def __init__(self, distributed: DistributedContext) -> None:
        self._is_shared = distributed.world_size > 1
        self._received = False
        self._votes = torch.zeros(1, dtype=torch.int32)
        self._group: Any = None
        self._work: dist.Work | None = None

    def __enter__(self) -> "ShutdownSignal":
        if self._is_shared:
            self._group = dist.new_group(backend="gloo")
        self._handles_signals = threading.current_thread() is threading.main_thread()  # Python allows no other
        if self._handles_signals:
            self._previous = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handles_signals:
            signal.signal(signal.SIGTERM, self._previous or signal.SIG_DFL)
        if self._received and error is None:
            raise ShutdownRequested  # received during the last step, or while its checkpoint was written

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._received = True

    def start_vote(self) -> None:
        """Start to ask the other processes; each process does at each step."""
        if self._group is not None:
            self._votes.fill_(self._received)
            self._work = dist.all_reduce(self._votes, op=dist.ReduceOp.MAX, group=self._group, async_op=True)

    def requested(self) -> bool:
        """Return whether the run ends after this step."""
        if self._work is None:
            return self._received
        self._work.wait()
        return bool(self._votes)
