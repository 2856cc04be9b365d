"""A run that is asked to end (SIGTERM: its node is wanted back) ends after a step that all processes agree on."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import distributed as dist

from smis.training.distributed import Processes


class Stopped(SystemExit):
    """The run was asked to end and has saved its state; the exit code is what a shell makes of a SIGTERM."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class Stopping:
    """Says after each step whether any process was asked to end: the same answer in all of them.

    `ask` starts a reduction of one number among the hosts as a step begins, and `answered` reads it as the step ends:
    it has the whole step to arrive, and no device waits for it. What is asked during a step is known after the next.
    A process alone knows at once. A second SIGTERM changes nothing; who cannot wait sends SIGKILL, as torchrun does
    after `$TORCH_ELASTIC_SHUTDOWN_TIMEOUT` (30 s).
    """

    def __init__(self, processes: Processes) -> None:
        self._shared = processes.world > 1
        self._asked = False
        self._votes = torch.zeros(1, dtype=torch.int32)
        self._hosts: Any = None
        self._vote: dist.Work | None = None

    def __enter__(self) -> "Stopping":
        if self._shared:
            self._hosts = dist.new_group(backend="gloo")
        self._listens = threading.current_thread() is threading.main_thread()  # no other hears signals
        if self._listens:
            self._before = signal.signal(signal.SIGTERM, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listens:
            signal.signal(signal.SIGTERM, self._before or signal.SIG_DFL)
        if self._asked and error is None:
            raise Stopped  # asked for during the last step, or while its state was written

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def ask(self) -> None:
        """Begin to ask the others; every process does at every step."""
        if self._hosts is not None:
            self._votes.fill_(self._asked)
            self._vote = dist.all_reduce(self._votes, op=dist.ReduceOp.MAX, group=self._hosts, async_op=True)

    def answered(self) -> bool:
        """Say whether the run ends after this step."""
        if self._vote is None:
            return self._asked
        self._vote.wait()
        return bool(self._votes)
