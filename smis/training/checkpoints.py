"""Checkpoints that a run resumes from: everything that a step changes, bound to one configuration."""

import copy
import json
import math
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, Json, NonNegativeInt, TypeAdapter, ValidationError
from torch import Tensor

from smis.core.errors import CheckpointError, DiskError
from smis.core.files import UnreadableError, open_file, unwritable, written

_FORMAT = 2


class ScoredStep(NamedTuple):
    """A step and its validation score; lower is better."""

    step: int
    score: float


class CheckpointManager:
    """A folder of checkpoints: the newest few, and the one with the lowest score.

    A thread writes each checkpoint to a temporary file and renames it, so that none is ever incomplete while training
    goes on; one at a time, so that memory holds one copy. Used as a context, it waits at the end for the last one, also
    when training fails.

    Args:
        folder: Folder of the checkpoints.
        configuration: What the run is configured by; checkpoints of another configuration are refused.
        keep: Number of newest checkpoints that are kept.
    """

    def __init__(self, folder: Path, configuration: Mapping[str, Any], *, keep: int = 2) -> None:
        self.folder, self._best_path = folder, folder / "best.json"
        self._configuration = json.loads(json.dumps(configuration))  # tuples become lists, as in saved ones
        self._keep = keep
        self._writing: Future[None] | None = None

    def __enter__(self) -> "CheckpointManager":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.wait()
        except DiskError as unsaved:
            if error is None:
                raise
            print(f"error: {unsaved}", file=sys.stderr)  # the error that ended training is raised

    def save(self, step: int, state: Mapping[str, Any], *, score: float | None = None) -> None:
        """Copy a state and write the copy in a thread, after the previous one is written.

        The thread then deletes older checkpoints and temporary files of killed processes. Of all checkpoints with a
        score, the first with the lowest score is kept.

        Raises:
            DiskError: if the previous checkpoint could not be written; names the last good one.
        """
        self.wait()
        thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        self._writing = thread.submit(self._write, step, StateSnapshot(state), score)
        thread.shutdown(wait=False)

    def wait(self) -> None:
        """Wait until the last saved checkpoint is on the disk.

        Raises:
            DiskError: if it could not be written; names the last good one.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def load_newest(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """Load the newest readable state, or return None if there is none.

        Raises:
            CheckpointError: if it has another format or configuration; names the fields that differ.
            DiskError: if the last saved checkpoint could not be written.
        """
        self.wait()
        for path in reversed(self._paths()):
            content = self._read(path, device)
            if content is not None:
                self._update_best(content.step, content.score)  # the run may have been killed before it did
                return content.state
        return None

    def load_best(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """Load the state with the lowest score, or return None if none has a score.

        Raises:
            CheckpointError: if it is missing or broken, or has another format or configuration.
            DiskError: if the last saved checkpoint could not be written.
        """
        self.wait()
        best = self.best_step
        if best is None:
            return None
        content = self._read(self._path(best.step), device)
        if content is None:
            raise CheckpointError(
                f"the best state, {self._path(best.step)}, is lost; set validation.publish: last, or delete "
                f"{self.folder} to start anew"
            )
        return content.state

    def prune(self) -> None:
        """Delete all checkpoints but the newest and the best.

        Raises:
            DiskError: if the last saved checkpoint could not be written, or old ones cannot be deleted.
        """
        self.wait()
        self._keep = 1
        self._delete_old()

    @property
    def best_step(self) -> ScoredStep | None:
        """The first step with the lowest score, over all resumed runs; of those at hand if best.json is broken."""
        try:
            return _NOTE.validate_json(self._best_path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            print(f"{self._best_path} is broken; the scores of the states beside it are taken", file=sys.stderr)
        states = [state for state in (self._read(path, "cpu") for path in self._paths()) if state]
        scored = [ScoredStep(state.step, state.score) for state in states if state.score is not None]
        best = min(scored, key=lambda each: (math.isnan(each.score), each.score, each.step), default=None)
        self._best_path.unlink(missing_ok=True)
        if best is not None:
            self._note(best)
        return best

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.pt"

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.pt"))

    def _write(self, step: int, snapshot: "StateSnapshot", score: float | None) -> None:
        fields = {"format": _FORMAT, "configuration": json.dumps(self._configuration), "step": step, "score": score}
        try:
            write_torch_file(self._path(step), {**fields, "state": snapshot.state()})
            self._update_best(step, score)
        except DiskError as error:
            good = [path.name for path in self._paths()[-1:]]
            raise DiskError(f"{error} (a repeat resumes from {good[0]})" if good else str(error)) from error
        self._delete_old()

    def _update_best(self, step: int, score: float | None) -> None:
        best = self.best_step
        if score is not None and (best is None or score < best.score):
            self._note(ScoredStep(step, score))

    def _note(self, best: ScoredStep) -> None:
        with written(self._best_path) as temporary:
            temporary.write_text(json.dumps(best._asdict()), encoding="utf-8")

    def _read(self, path: Path, device: torch.device | str) -> "_Saved | None":
        try:
            content = read_torch_file(path, device=device)
            if not isinstance(content, dict) or content.get("format") == _FORMAT:
                content = _Saved.model_validate(content)
        except (CheckpointError, ValidationError) as error:
            reason = str(error).partition(";")[0] if isinstance(error, CheckpointError) else f"{path} lacks a field"
            print(f"{reason}; it is skipped", file=sys.stderr)
            return None
        return self._checked(content, path)

    def _checked(self, content: Any, path: Path) -> "_Saved":
        if not isinstance(content, _Saved):
            raise CheckpointError(f"{path} is not a checkpoint of format {_FORMAT}; delete {self.folder} to start anew")
        differing = list(differences(content.configuration, self._configuration))
        if differing:
            raise CheckpointError(
                f"{path} has another configuration: {'; '.join(differing)}; delete {self.folder} to start anew"
            )
        return content

    def _delete_old(self) -> None:
        best = {self._path(self.best_step.step)} if self.best_step else set()
        try:
            for path in [*self._paths()[: -self._keep], *self.folder.glob(".*.part")]:
                if path not in best:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise DiskError(f"cannot delete old checkpoints in {self.folder}: {error.strerror}") from error


class StateSnapshot:
    """A copy on the CPU of tensors, numbers, and nested dicts, lists and tuples of them, bit for bit.

    Copies from a GPU go to pinned memory in stream order, so that neither this process nor the device waits; `state`
    waits for them.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._event: torch.cuda.Event | None = None
        self._state = self._copy(dict(state))
        if self._event is not None:
            self._event.record()

    def state(self) -> dict[str, Any]:
        """Return the copy once it is complete."""
        if self._event is not None:
            self._event.synchronize()
        return self._state

    def _copy(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._copy_tensor(value.detach())
        if isinstance(value, MutableMapping):
            mapping = copy.copy(value)  # keeps the version metadata of a state dict
            for key, item in value.items():
                mapping[key] = self._copy(item)
            return mapping
        if isinstance(value, list | tuple):
            return type(value)(self._copy(item) for item in value)
        return value

    def _copy_tensor(self, tensor: Tensor) -> Tensor:
        if tensor.device.type != "cuda":
            return tensor.clone()
        self._event = self._event or torch.cuda.Event()
        return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor, non_blocking=True)


class _Saved(BaseModel):
    """What a file of the folder holds."""

    configuration: Json[dict[str, Any]]
    step: NonNegativeInt
    score: float | None
    state: Any


_NOTE = TypeAdapter(ScoredStep)


def read_torch_file(path: Path, *, device: torch.device | str = "cpu") -> Any:
    """Read what `torch.save` wrote, and run no code from it.

    Raises:
        CheckpointError: if the file is missing, unreadable, broken, or holds code; in one line.
    """
    try:
        with open_file(path) as file:
            _check_bytes(file)
            return torch.load(file, weights_only=True, map_location=device)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}; give the place of a released latest_net_*.pth") from None
    except UnreadableError as error:
        raise CheckpointError(f"{path} cannot be read: {error}; {error.remedy}") from None
    # An unpickler that is fed anything may raise anything: KeyError, IndexError, EOFError, RuntimeError, ...
    except Exception as error:
        raise CheckpointError(f"{path} {_fault(error)}") from None


def _check_bytes(file: BufferedReader) -> None:
    """Compare a file's checksums, which torch does not: a changed byte would be another weight."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            compressed = any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist())
            if compressed or archive.testzip():
                raise zipfile.BadZipFile
    file.seek(0)


def _fault(error: Exception) -> str:
    """Say in one line what torch says in ten."""
    foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
    if foreign:
        return f"holds code ({foreign[1]}), not only tensors; nothing in it was run, and it is not read"
    if "TorchScript" in str(error):
        return "is a TorchScript program; give the plain weights of the release"
    return "is broken or no file of torch.save; was it downloaded to its end?"


def write_torch_file(path: Path, content: dict[str, Any]) -> None:
    """Write an object with `torch.save`, atomically.

    Raises:
        DiskError: if the file cannot be written.
    """
    try:
        # a file rather than a path, whose name torch would write into the file: that of `temporary` is never the same
        with written(path) as temporary, temporary.open("wb") as file:
            torch.save(content, file)
    except RuntimeError as error:  # raised by torch's writer on a full disk
        cause = error.__context__
        raise unwritable(path, cause if isinstance(cause, OSError) else OSError(_first_line(error))) from error


def differences(saved: Mapping[str, Any], current: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Name each key, at any depth, whose values differ.

    Example:
        >>> list(differences({"train": {"steps": 5}}, {"train": {"steps": 7}}))
        ['train.steps is 5 there and 7 here']
    """
    for key in sorted({*saved, *current}):
        old, new = saved.get(key), current.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} is {old!r} there and {new!r} here"


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
