"""Loggers of a training run: the protocol, its combinations, and the run's status file."""

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from smis.core.files import written

STATUS_FILE = "running.json"
_REMOTE_TIMEOUT_S = 600
"""A run on another machine whose status is older than this counts as stopped."""


@runtime_checkable
class MetricLogger(Protocol):
    """Receives what a training run reports."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the metrics of a step."""
        ...

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Log an image file."""
        ...


class NullLogger:
    """Logs nothing: the logger of every process but the main one."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Do nothing."""


class CompositeLogger:
    """Passes everything on to several loggers, in order.

    Example:
        >>> from smis.core.history import HistoryLogger, read_history
        >>> logger = CompositeLogger(HistoryLogger(Path("history.jsonl")), NullLogger())
        >>> logger.log(1, {"GAN": 0.5})
        >>> read_history(Path("history.jsonl"))
        [{'step': 1, 'GAN': 0.5}]
    """

    def __init__(self, *loggers: MetricLogger) -> None:
        self._loggers = loggers

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log to each logger."""
        for logger in self._loggers:
            logger.log(step, values)

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Log to each logger."""
        for logger in self._loggers:
            logger.log_image(step, name, path)


@dataclass(frozen=True)
class RunStatus:
    """The last status of a training run, as `smis runs` lists it."""

    title: str
    step: int
    steps: int
    images_per_second: float
    batch: int
    host: str
    process: int
    processes: int
    device: str
    at: float
    """Seconds since 1970."""

    @classmethod
    def read(cls, path: Path) -> "RunStatus | None":
        """Read a status file; None if it is missing or broken."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def alive(self) -> bool:
        """Whether the process exists on this machine, or a process on another machine reported recently."""
        if self.host != socket.gethostname():
            return time.time() - self.at < _REMOTE_TIMEOUT_S
        try:
            os.kill(self.process, 0)
        except OSError as error:
            return isinstance(error, PermissionError)
        return True

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the last step at the last speed; None if the speed is unknown."""
        if not self.images_per_second:
            return None
        return (self.steps - self.step) * self.batch / self.images_per_second


class RunStatusLogger(NullLogger):
    """Keeps the last status of the run in a file, also after its end."""

    def __init__(self, path: Path, *, title: str, steps: int, batch: int, processes: int, device: str) -> None:
        self._path = path
        self._run = {"title": title, "steps": steps, "batch": batch, "processes": processes, "device": device}

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the status after a step."""
        speed = values.get("images_per_second", 0.0)
        process = {"host": socket.gethostname(), "process": os.getpid(), "at": time.time()}
        status = RunStatus(step=step, images_per_second=speed, **self._run, **process)  # pyright: ignore[reportArgumentType]
        with written(self._path) as temporary:
            temporary.write_text(json.dumps(asdict(status)), encoding="utf-8")
