"""Where curves and pictures go."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from smis.core.files import unwritable, written


@runtime_checkable
class Tracker(Protocol):
    """Takes what a training reports."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take named numbers of a step."""
        ...

    def picture(self, step: int, name: str, path: Path) -> None:
        """Take a picture that lies at `path`."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


class Silence:
    """Every process but the first."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def picture(self, step: int, name: str, path: Path) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class History:
    """One JSON object a line, `{"step": 50, "GAN": 1.25, ...}`: the record, which DVC plots.

    It begins by forgetting what an earlier run said after step `after`, from which this run goes on, and a line that
    was cut off when that run was killed.
    """

    def __init__(self, path: Path, *, after: int = 0) -> None:
        kept = [line for line in _lines(path) if line["step"] <= after]
        with written(path) as beside:
            beside.write_text("".join(json.dumps(line) + "\n" for line in kept))
        self._path = path

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append a line.

        Raises:
            DiskError: if the file cannot be written.
        """
        try:
            with self._path.open("a") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        except OSError as error:
            raise unwritable(self._path, error) from error

    def picture(self, step: int, name: str, path: Path) -> None:
        """Leave it where it lies."""

    def close(self) -> None:
        """Nothing is left open."""


class Several:
    """Passes everything on to each tracker, in order."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Pass on."""
        for tracker in self._trackers:
            tracker.log(step, values)

    def picture(self, step: int, name: str, path: Path) -> None:
        """Pass on."""
        for tracker in self._trackers:
            tracker.picture(step, name, path)

    def close(self) -> None:
        """Pass on."""
        for tracker in self._trackers:
            tracker.close()


def _lines(path: Path) -> list[dict[str, int | float]]:
    if not path.exists():
        return []
    found = []
    for text in path.read_text().splitlines():
        try:
            found.append(json.loads(text))
        except json.JSONDecodeError:
            break  # the line on which a killed run stopped
    return found
