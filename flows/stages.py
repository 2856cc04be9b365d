"""One Prefect task: one DVC stage in one subprocess, with its log lines."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from flows import devices
from flows.cancellation import run_to_state
from flows.dag import Stage
from flows.exceptions import DvcError, StageError
from flows.processes import ChildProcesses

_RAN, _UNCHANGED, _RESTORED = "Completed", "Unchanged", "Restored"
_OUTCOMES = {"didn't change, skipping": _UNCHANGED, "is cached - skipping run": _RESTORED}
_WITH_NETWORKS = {"reference", "segmenter", "train", "sample", "evaluate"}
_CHATTER = (
    "> ",
    "Generating lock file",
    "Updating lock file",
    "Use `dvc push`",
    "To track the changes",
    "To enable auto",
)
_OURS = "error: "
_WRAPPED = ("ERROR: failed to reproduce", "ERROR: failed to run")
_ITS_OWN = "ERROR: unexpected error"
"""What DVC says when its remote does not answer, for example; of a stage that fails it says one of `_WRAPPED`."""
_NO_REASON = (*_CHATTER, "Running stage '", "Having any troubles?")


@task(name="stage", task_run_name="{name}", cache_policy=NO_CACHE, retries=0)
def run_stage(name: str, children: ChildProcesses, *, max_concurrent: int = 1, unchanged: bool = False) -> State[None]:
    """Bring one stage up to date; whether it need run is DVC's to say, so Prefect caches nothing.

    `unchanged`: DVC has already found it up to date.
    Ends in a state rather than an exception: a stage that failed has said why, and our traceback would hide it.
    """
    if unchanged:
        get_run_logger().info("Stage '%s' didn't change, skipping", name)
        return Completed(name=_UNCHANGED)

    def work() -> State[None]:
        with _device(name, children, max_concurrent) as env:
            return Completed(name=reproduce(name, children, on_line=get_run_logger().info, env=env))

    return run_to_state(work)


def needs_device(name: str) -> bool:
    """Say whether a stage computes with networks."""
    return name.partition("@")[0] in _WITH_NETWORKS


@contextmanager
def _device(name: str, children: ChildProcesses, max_concurrent: int) -> Iterator[dict[str, str]]:
    if not needs_device(name):
        yield {}
        return
    processes = os.environ.get("SMIS_PROCESSES", "1")  # what is no number, the stage refuses in its own words
    count = int(processes) if processes.isdecimal() else 1
    with devices.locked(count, max_concurrent=max_concurrent, should_stop=lambda: children.stopped) as env:
        yield env


def find_unchanged(stages: Sequence[Stage], children: ChildProcesses) -> set[str]:
    """Ask DVC once which of these stages will not change when all of them run: to ask for each takes a second each.

    What an upstream among them may still change is not in the answer; where DVC cannot say, nothing is.

    Raises:
        StoppedError: if `children` were ended meanwhile.
    """
    lines: list[str] = []
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "status", "--json"]
    failed = children.run(command, on_line=lines.append, env=environment())
    answer = next((line for line in lines if line.startswith("{")), None)
    if failed or answer is None:
        return set()
    changed = set(json.loads(answer))
    asked = {stage.name for stage in stages}
    fresh: set[str] = set()
    for stage in stages:  # each after its upstream
        if stage.name not in changed and asked.intersection(stage.upstream) <= fresh:
            fresh.add(stage.name)
    return fresh


def reproduce(
    name: str, children: ChildProcesses, *, on_line: Callable[[str], object], env: Mapping[str, str] | None = None
) -> str:
    """Run `dvc repro` on one stage alone; return "Completed", "Unchanged" or (from DVC's cache) "Restored".

    Raises:
        StageError: with the stage's own last words, if it failed.
        StoppedError: if `children` were ended meanwhile.
    """
    try:
        lines = repro(["--single-item", name], children, on_line=on_line, env=env)
    except StageError as error:
        raise StageError(f"{name}: {error}") from None
    return next((name for line in lines for mark, name in _OUTCOMES.items() if mark in line), _RAN)


def is_unchanged(name: str, children: ChildProcesses) -> bool:
    """Ask DVC whether a stage is up to date.

    Raises:
        StageError: if DVC cannot say.
        StoppedError: if `children` were ended meanwhile.
    """
    lines = repro(["--dry", "--single-item", name], children, on_line=lambda line: None)
    return any(mark in line for line in lines for mark, outcome in _OUTCOMES.items() if outcome == _UNCHANGED)


def repro(
    arguments: Sequence[str],
    children: ChildProcesses,
    *,
    on_line: Callable[[str], object],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> list[str]:
    """Run `dvc repro` in a workspace (default: the current folder); return its lines.

    Raises:
        StageError: with the last words of the stage that failed.
        DvcError: with DVC's, if no stage has failed but DVC.
        StoppedError: if `children` were ended meanwhile.
    """
    lines: list[str] = []

    def keep(line: str) -> None:
        if line.strip():
            lines.append(line)
            if not line.startswith(_CHATTER):
                on_line(line)

    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", *arguments]
    code = children.run(command, on_line=keep, env=environment(env), cwd=cwd)
    if code:
        kind = DvcError if any(line.startswith(_ITS_OWN) for line in lines) else StageError
        raise kind(reason(lines) or f"dvc ended with exit code {code} and without a word")
    return lines


def reason(lines: Sequence[str]) -> str:
    """Find in a failed stage's output what it died of: its `error: ...` line with what is indented below it, else its
    last line that is not DVC's wrapping; where it said nothing, the wrapping.
    """
    for start in reversed(range(len(lines))):
        if lines[start].startswith(_OURS):
            indented = (line for line in lines[start + 1 :] if line.startswith("  "))
            return "\n".join([lines[start].removeprefix(_OURS), *indented])
    told = [line.strip() for line in lines if not line.startswith(_NO_REASON) and not _is_outcome(line)]
    plain = [line for line in told if not line.startswith(_WRAPPED)]
    return (plain or told or [""])[-1]


def _is_outcome(line: str) -> bool:
    return any(mark in line for mark in _OUTCOMES)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment for children: this interpreter's programs first, and lines as soon as they are written."""
    values = {**os.environ, **(extra or {})}
    values["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), values.get("PATH", os.defpath)])
    values["PYTHONUNBUFFERED"] = "1"
    return values
