"""One Prefect task: one DVC stage in one subprocess, with its log lines."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Semaphore

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from flows import devices
from flows.dag import Stage
from flows.exceptions import DvcError, FlowError, StageError, StoppedError
from flows.processes import ChildProcesses

_DVC = [sys.executable, "-m", "dvc", "--wait-for-lock"]
_UNCHANGED = "Unchanged"
_OUTCOMES = {"didn't change, skipping": _UNCHANGED, "is cached - skipping run": "Restored"}
"""What DVC prints of a stage that it does not run, and the name of its state."""
_NEED_DEVICE = {"reference", "segmenter", "train", "sample", "evaluate"}
_LOCK_FILE = ("Generating lock file", "Updating lock file", "To track the changes", "To enable auto", "Use `dvc push`")
_CHATTER = ("> ", *_LOCK_FILE)
_STAGE_ERROR = "error: "
_DVC_ERROR = "ERROR: unexpected error"
"""What DVC prints if it fails itself, for example because its remote is unavailable."""
_STAGE_FAILED = ("ERROR: failed to reproduce", "ERROR: failed to run")
_NO_ERROR = (*_CHATTER, "Running stage '", "Having any troubles?")


@task(name="stage", task_run_name="{name}", cache_policy=NO_CACHE, retries=0)
def run_stage(
    name: str, children: ChildProcesses, places: Semaphore, *, max_concurrent: int = 1, unchanged: bool = False
) -> State[None]:
    """Bring one stage up to date by `dvc repro` when there is a place; an error is its state, without our traceback.

    DVC decides whether the stage needs to run, so Prefect caches nothing; `unchanged`: DVC has already found it so.
    """
    log = get_run_logger().info
    if unchanged:
        log("Stage '%s' didn't change, skipping", name)
        return Completed(name=_UNCHANGED)
    try:
        with places, _device(name, children, max_concurrent) as env:
            lines = repro(["--single-item", name], children, on_line=log, env=env)
        return Completed(name=outcome(lines))
    except StoppedError as error:
        return Cancelled(message=str(error), data=error)
    except FlowError as error:
        return Failed(message=f"{name}: {error}", data=error)


def _device(name: str, children: ChildProcesses, max_concurrent: int) -> AbstractContextManager[dict[str, str]]:
    if name.partition("@")[0] not in _NEED_DEVICE:
        return nullcontext({})
    processes = os.environ.get("SMIS_PROCESSES", "1")  # the stage itself refuses what is not a number
    count = max(1, int(processes)) if processes.isdecimal() else 1
    return devices.locked(count, max_concurrent=max_concurrent, should_stop=lambda: children.stopped)


def find_unchanged(stages: Sequence[Stage], children: ChildProcesses) -> set[str]:
    """Name the stages that stay unchanged when all of these run; empty where DVC cannot say.

    One `dvc status` for all of them: `dvc repro` takes a second for each.

    Raises:
        StoppedError: if `children` were terminated meanwhile.
    """
    lines: list[str] = []
    failed = children.run([*_DVC, "status", "--json"], on_line=lines.append, env=child_environment())
    answer = next((line for line in lines if line.startswith("{")), None)
    if failed or answer is None:
        return set()
    names = {stage.name for stage in stages}
    changed = names.intersection(json.loads(answer))
    for stage in stages:  # each after its upstream
        if not changed.isdisjoint(stage.upstream):
            changed.add(stage.name)
    return names - changed


def repro(
    arguments: Sequence[str],
    children: ChildProcesses,
    *,
    on_line: Callable[[str], object],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> list[str]:
    """Run `dvc repro` in a workspace (default: the current folder); return the lines that it printed.

    Raises:
        StageError: with the message of the stage that failed.
        DvcError: with DVC's message, if it failed itself.
        StoppedError: if `children` were terminated meanwhile.
    """
    lines: list[str] = []

    def append(line: str) -> None:
        if line.strip():
            lines.append(line)
            if not line.startswith(_CHATTER):
                on_line(line)

    code = children.run([*_DVC, "repro", *arguments], on_line=append, env=child_environment(env), cwd=cwd)
    if code:
        kind = DvcError if any(line.startswith(_DVC_ERROR) for line in lines) else StageError
        raise kind(error_message(lines) or f"dvc ended with exit code {code} and without output")
    return lines


def outcome(lines: Sequence[str]) -> str:
    """Return "Completed", "Unchanged" or (from DVC's cache) "Restored" from what DVC printed of a stage."""
    return next((name for line in lines for text, name in _OUTCOMES.items() if text in line), "Completed")


def error_message(lines: Sequence[str]) -> str:
    """Find the error in a failed stage's output: its `error: ...` with the lines indented below it, else its last line.

    DVC's own lines count only where the stage printed nothing.
    """
    for number in reversed(range(len(lines))):
        if lines[number].startswith(_STAGE_ERROR):
            indented = (line for line in lines[number + 1 :] if line.startswith("  "))
            return "\n".join([lines[number].removeprefix(_STAGE_ERROR), *indented])
    texts = [line.strip() for line in lines if not line.startswith(_NO_ERROR)]
    candidates = [text for text in texts if not any(printed in text for printed in _OUTCOMES)]
    of_stage = [line for line in candidates if not line.startswith(_STAGE_FAILED)]
    return (of_stage or candidates or [""])[-1]


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment for children: this interpreter's programs first, and unbuffered output."""
    values = {**os.environ, **(extra or {})}
    values["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), values.get("PATH", os.defpath)])
    values["PYTHONUNBUFFERED"] = "1"
    return values
