"""What a killed run goes on from: everything that a step changes, in one file, of one configuration."""

import json
import pickle
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from smis.core.errors import CheckpointError, DiskError
from smis.core.files import unwritable, written

_FORMAT = 1


class States:
    """A folder of states, the newest few kept; each is written beside and renamed, so none is ever half."""

    def __init__(self, folder: Path, configuration: Mapping[str, Any], *, keep: int = 2) -> None:
        self._folder = folder
        self._configuration = _plain(configuration)
        self._keep = keep

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Write the state of a step, then drop the oldest and what a killed writer left half-written.

        Raises:
            DiskError: if it cannot be written; the states before it stay.
        """
        path = self._folder / f"step-{step:08d}.pt"
        content = {"format": _FORMAT, "configuration": json.dumps(self._configuration), "state": dict(state)}
        try:
            with written(path) as beside, beside.open("wb") as file:
                torch.save(content, file)
        except RuntimeError as error:  # what torch's writer makes of a full disk
            cause = error.__context__
            raise unwritable(path, cause if isinstance(cause, OSError) else OSError(_first_line(error))) from error
        self._tidy()

    def newest(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """Read the newest state that can be read, or None where there is none.

        Raises:
            CheckpointError: if it is of another format or configuration; the message names the field.
        """
        for path in reversed(self._paths()):
            try:
                content = torch.load(path, map_location=device, weights_only=True)
            except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
                print(f"{path} cannot be read ({_first_line(error)}); trying the one before it", file=sys.stderr)
                continue
            self._check(content, path)
            return content["state"]
        return None

    def _check(self, content: Any, path: Path) -> None:
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise CheckpointError(f"{path} is not a state of format {_FORMAT}; delete {self._folder} to start anew")
        differing = list(_differences(json.loads(content["configuration"]), self._configuration))
        if differing:
            raise CheckpointError(
                f"{path} is of another configuration: {'; '.join(differing)}; delete {self._folder} to start anew"
            )

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("step-*.pt"))

    def _tidy(self) -> None:
        try:
            for path in [*self._paths()[: -self._keep], *self._folder.glob(".*.part")]:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise DiskError(f"cannot tidy {self._folder}: {error.strerror}") from error


def _plain(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Let tuples be lists, so that what was saved and what is now compare."""
    return json.loads(json.dumps(configuration))


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for key in sorted({*there, *here}):
        was, is_now = there.get(key), here.get(key)
        if isinstance(was, dict) and isinstance(is_now, dict):
            yield from _differences(was, is_now, f"{at}{key}.")
        elif was != is_now:
            yield f"{at}{key} is {was!r} there and {is_now!r} here"


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
