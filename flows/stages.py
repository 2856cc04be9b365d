"""One Prefect task: one DVC stage in one subprocess, with its log lines."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from flows.errors import EndedError, StageError
from flows.processes import Children

_RAN, _UNCHANGED, _RESTORED = "Completed", "Unchanged", "Restored"
_OUTCOMES = {"didn't change, skipping": _UNCHANGED, "is cached - skipping run": _RESTORED}
_OURS = "error: "
_WRAPPED = ("ERROR: failed to reproduce", "ERROR: failed to run")


@task(name="stage", task_run_name="{name}", cache_policy=NO_CACHE, retries=0)
def run_stage(name: str, children: Children) -> State[None]:
    """Bring one stage up to date; whether it need run is DVC's to say, so Prefect caches nothing.

    Ends in a state rather than an exception: a stage that failed has said why, and our traceback would hide it.
    """
    try:
        outcome = reproduce(name, children, each_line=get_run_logger().info)
    except StageError as error:
        return Failed(message=str(error), data=error)
    except EndedError as error:
        return Cancelled(message=str(error), data=error)
    return Completed(name=outcome)


def reproduce(name: str, children: Children, *, each_line: Callable[[str], object]) -> str:
    """Run `dvc repro` on one stage alone; return "Completed", "Unchanged" or (from DVC's cache) "Restored".

    Raises:
        StageError: with the stage's own last words, if it failed.
        EndedError: if `children` were ended meanwhile.
    """
    lines: list[str] = []

    def keep(line: str) -> None:
        if line.strip():
            lines.append(line)
            each_line(line)

    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", name]
    code = children.run(command, each_line=keep, env=environment())
    if code:
        raise StageError(f"{name}: {reason(lines) or f'dvc ended with exit code {code} and without a word'}")
    return next((name for line in lines for mark, name in _OUTCOMES.items() if mark in line), _RAN)


def reason(lines: Sequence[str]) -> str:
    """Find in a failed stage's output what it died of: its `error: ...` line with what is indented below it, else its
    last line that is not DVC's wrapping.
    """
    for start in reversed(range(len(lines))):
        if lines[start].startswith(_OURS):
            indented = (line for line in lines[start + 1 :] if line.startswith("  "))
            return "\n".join([lines[start].removeprefix(_OURS), *indented])
    plain = [line.strip() for line in lines if not line.startswith(_WRAPPED)]
    return (plain or [""])[-1]


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment for children: this interpreter's programs first, and lines as soon as they are written."""
    values = dict(os.environ if given is None else given)
    values["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), values.get("PATH", os.defpath)])
    values["PYTHONUNBUFFERED"] = "1"
    return values
