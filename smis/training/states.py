"""What a killed run goes on from: everything that a step changes, in one file, of one configuration."""

import json
import pickle
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import torch

from smis.core.errors import CheckpointError, DiskError
from smis.core.files import unwritable, written
from smis.training.snapshot import Snapshot

_FORMAT = 2


class Scored(NamedTuple):
    """A step and how good it was: the lower the better."""

    step: int
    score: float


class States:
    """A folder of states: the newest few, and the one with the lowest score.

    Each is written by a thread, beside and renamed, so none is ever half, and training goes on meanwhile. One at a
    time: memory holds one copy. `with states: ...` waits at the end for the last one, also when training fails.
    """

    def __init__(self, folder: Path, configuration: Mapping[str, Any], *, keep: int = 2) -> None:
        self.folder = folder
        self._configuration = _plain(configuration)
        self._keep = keep
        self._writing: Future[None] | None = None

    def __enter__(self) -> "States":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.settle()
        except DiskError as unsaved:
            if error is None:
                raise
            print(f"error: {unsaved}", file=sys.stderr)  # what ended the training is the news

    def save(self, step: int, state: Mapping[str, Any], *, score: float | None = None) -> None:
        """Copy the state of a step, and write the copy from a thread; wait first for the one before.

        Then the thread drops the oldest and what a killed writer left half-written. Of the states with a score, the
        first with the lowest is kept.

        Raises:
            DiskError: if the state before could not be written; names the last good one, which stays.
        """
        self.settle()
        thread = ThreadPoolExecutor(1, thread_name_prefix="states")
        self._writing = thread.submit(self._write, step, Snapshot(state), score)
        thread.shutdown(wait=False)

    def settle(self) -> None:
        """Wait until what was saved is on the disk.

        Raises:
            DiskError: if it could not be written; names the last good one, which stays.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def newest(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """Read the newest state that can be read, or None where there is none.

        Raises:
            CheckpointError: if it is of another format or configuration; the message names the field.
            DiskError: if the state before could not be written.
        """
        self.settle()
        for path in reversed(self._paths()):
            content = self._read(path, device)
            if content is not None:
                self._consider(content["step"], content["score"])  # a kill may have come between state and note
                return content["state"]
        return None

    def best(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """Read the state with the lowest score, or None where none has a score.

        Raises:
            CheckpointError: if it is of another format or configuration; the message names the field.
            DiskError: if the state before could not be written.
        """
        self.settle()
        best = self.best_step
        content = self._read(self._path(best.step), device) if best else None
        return None if content is None else content["state"]

    @property
    def best_step(self) -> Scored | None:
        """The first step with the lowest score so far, over all that a run was resumed."""
        return Scored(**json.loads(self._note.read_text())) if self._note.exists() else None

    @property
    def _note(self) -> Path:
        return self.folder / "best.json"

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.pt"

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.pt"))

    def _write(self, step: int, snapshot: Snapshot, score: float | None) -> None:
        fields = {"format": _FORMAT, "configuration": json.dumps(self._configuration), "step": step, "score": score}
        try:
            write(self._path(step), {**fields, "state": snapshot.state()})
            self._consider(step, score)
        except DiskError as error:
            good = [path.name for path in self._paths()[-1:]]
            raise DiskError(f"{error} (it goes on from {good[0]})" if good else str(error)) from error
        self._tidy()

    def _consider(self, step: int, score: float | None) -> None:
        best = self.best_step
        if score is not None and (best is None or score < best.score):
            with written(self._note) as beside:
                beside.write_text(json.dumps(Scored(step, score)._asdict()))

    def _read(self, path: Path, device: torch.device | str) -> dict[str, Any] | None:
        try:
            content = torch.load(path, map_location=device, weights_only=True)
        except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
            print(f"{path} cannot be read ({_first_line(error)}) and is left aside", file=sys.stderr)
            return None
        self._check(content, path)
        return content

    def _check(self, content: Any, path: Path) -> None:
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise CheckpointError(f"{path} is not a state of format {_FORMAT}; delete {self.folder} to start anew")
        differing = list(_differences(json.loads(content["configuration"]), self._configuration))
        if differing:
            raise CheckpointError(
                f"{path} is of another configuration: {'; '.join(differing)}; delete {self.folder} to start anew"
            )

    def _tidy(self) -> None:
        best = {self._path(self.best_step.step)} if self.best_step else set()
        try:
            for path in [*self._paths()[: -self._keep], *self.folder.glob(".*.part")]:
                if path not in best:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise DiskError(f"cannot tidy {self.folder}: {error.strerror}") from error


def write(path: Path, content: dict[str, Any]) -> None:
    """Write what torch can save, beside and renamed.

    Raises:
        DiskError: if it cannot be written.
    """
    try:
        with written(path) as beside, beside.open("wb") as file:
            torch.save(content, file)
    except RuntimeError as error:  # what torch's writer makes of a full disk
        cause = error.__context__
        raise unwritable(path, cause if isinstance(cause, OSError) else OSError(_first_line(error))) from error


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
