"""What a trial made, back in a workspace from DVC's cache or remote, with nothing made anew."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from flows.exceptions import StageError
from flows.processes import ChildProcesses
from flows.stages import repro
from flows.sweep import workspace
from flows.sweep.trial import Trial, restoring

_RUNS = "Running stage '"


def restore(
    trial: Trial,
    children: ChildProcesses,
    *,
    how: Sequence[str],
    place: Path,
    say: Callable[[str], object] = lambda lines: None,
) -> str | None:
    """Restore stage after stage in a workspace that has the trial's code and parameters; `how` are DVC's options.

    What DVC cannot restore it would make, and that might be another training's: so the shell that it is given runs
    nothing. Returns the first stage that DVC would have to run; None if all is there.

    Raises:
        StageError: with DVC's last words.
    """
    lines: list[str] = []
    nothing = {"SHELL": shutil.which("false") or "/bin/false"}
    try:
        repro([*how, *trial.stages], children, on_line=lines.append, env=nothing, cwd=place)
    except StageError:
        lost = [line.removeprefix(_RUNS).partition("'")[0] for line in lines if line.startswith(_RUNS)]
        if not lost:
            raise
        return lost[-1]
    say("\n".join(lines))
    return None


def fetch(trial: Trial, children: ChildProcesses, *, base: Path) -> None:
    """Bring what another machine has made, as far as the remote has it, into the trial's own folder.

    Raises:
        StageError: with DVC's last words.
    """
    cell = {"dataset": trial.dataset, "system": trial.system}
    workspace.prepare(base, trial.folder, cell=cell, values=trial.params | trial.values, seed=trial.seed)
    restore(trial, children, how=restoring(trial, pull=True), place=trial.folder)
