"""What a training says of itself while it goes on, for whoever asks from outside."""

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from smis.core.files import written

NAME = "running.json"
_SILENT_S = 600
"""A training on another machine that has said nothing for so long has stopped."""


@dataclass(frozen=True)
class Sign:
    """The last sign of a training."""

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
    def read(cls, path: Path) -> "Sign | None":
        """Read a sign; None where there is none that can be read."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def alive(self) -> bool:
        """Say whether the training goes on: its process is here, or it was heard of lately from another machine."""
        if self.host != socket.gethostname():
            return time.time() - self.at < _SILENT_S
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    @property
    def seconds_left(self) -> float | None:
        """Return how long the rest takes at the last speed; None where that is not known."""
        if not self.images_per_second:
            return None
        return (self.steps - self.step) * self.batch / self.images_per_second


class Heartbeat:
    """A tracker that keeps the last sign in a file."""

    def __init__(self, path: Path, *, title: str, steps: int, batch: int, processes: int, device: str) -> None:
        self._path = path
        self._about = {"title": title, "steps": steps, "batch": batch, "processes": processes, "device": device}

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Say that a step was taken."""
        speed = values.get("images_per_second", 0.0)
        place = {"host": socket.gethostname(), "process": os.getpid(), "at": time.time()}
        sign = Sign(step=step, images_per_second=speed, **self._about, **place)  # pyright: ignore[reportArgumentType]
        with written(self._path) as beside:
            beside.write_text(json.dumps(asdict(sign)))

    def picture(self, step: int, name: str, path: Path) -> None:
        """Pictures are no sign."""

    def close(self) -> None:
        """Leave the last sign."""
