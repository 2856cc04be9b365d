"""`python -m flows.sweep.apply NAME NUMBER`: a trial's parameters, code and outputs in the main workspace.

Nothing is trained again: DVC restores what the trial made, from its cache or, with `--pull`, from its remote.
"""

import argparse
import filecmp
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dvc.utils.serialize import load_yaml

from flows import dag
from flows.command import exit_on_error
from flows.exceptions import SweepError
from flows.processes import ChildProcesses
from flows.stages import repro
from flows.sweep import workspace
from flows.sweep.checkout import restore
from flows.sweep.trial import FILE, Trial
from flows.sweep.workspace import BASE, PARAMS, SWEEPS


def apply(trial: Trial, *, code: bool = False, pull: bool = False) -> None:
    """Set a trial's parameters in this workspace's params.yaml and restore its outputs.

    Raises:
        SweepError: if the trial's code differs from this workspace's, and is not asked for by `code`; or if a stage
            would have to run.
        StageError: with DVC's last words.
    """
    if workspace.digest(Path(), trial.code) != trial.digest:
        _bring_code(trial, wanted=code)
    _bring_params(trial)
    _restore(trial, pull=pull)


def _bring_params(trial: Trial) -> None:
    """Set all that the trial's stages read; say what that changes beside what the sweep varied."""
    before = dict(_flat(load_yaml(PARAMS)))
    cell = {"dataset": trial.dataset, "system": trial.system}
    axes = load_yaml(PARAMS)["axes"]
    added = {f"axes.{axis}": [*axes[axis], name] for axis, name in cell.items() if name not in axes[axis]}
    workspace.set_params(Path(PARAMS), added | trial.params | trial.values | {"seed": trial.seed})
    after = dict(_flat(load_yaml(PARAMS)))
    for path in sorted(before.keys() | after.keys()):
        was, now = before.get(path, "nothing"), after.get(path, "nothing")
        if was != now and path not in trial.values:
            print(f"{PARAMS}: {path} was {was}, is {now} as in {trial.name}")


def _flat(params: Mapping[str, Any], *above: str) -> Iterator[tuple[str, Any]]:
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, *above, str(key))
        else:
            yield ".".join([*above, str(key)]), value


def _restore(trial: Trial, *, pull: bool) -> None:
    """Restore the outputs; a stage runs again only if it alone is lost and writes for git, what DVC need not have."""
    again: set[str] = set()
    while lost := restore(trial, ChildProcesses(), how=["--pull"] if pull else [], place=Path(), say=print):
        if lost in again or not _writes_for_git(lost):
            where = "DVC's cache nor its remote" if pull else "this workspace nor DVC's cache (--pull asks the remote)"
            raise SweepError(
                f"{lost} of {trial.name} is in neither {where}, and was not made again; its parameters are set now, "
                f"so that `dvc repro {' '.join(trial.stages)}` does that"
            )
        print(f"{lost} runs again, from what was restored: DVC keeps not all that it writes")
        repro(["--single-item", lost], ChildProcesses(), on_line=print)
        again.add(lost)


def _writes_for_git(stage: str) -> bool:
    """Say whether dvc.yaml has `cache: false` for some of a stage's outputs, such as small metrics."""
    said = load_yaml(dag.FILE)["stages"][stage.partition("@")[0]]
    outs = [out for kind in ("outs", "metrics", "plots") for out in said.get(kind, []) if isinstance(out, Mapping)]
    return any(how.get("cache") is False for out in outs for how in out.values())


def find(sweep: str, number: int, *, seed: int | None = None) -> Trial:
    """Find a trial that this workspace has started; without a seed, its first.

    Raises:
        SweepError: if there is none.
    """
    trials = sorted(_started(sweep), key=lambda trial: (trial.number, trial.seed))
    for trial in trials:
        if trial.number == number and seed in {None, trial.seed}:
            return trial
    there = ", ".join(trial.name for trial in trials) or "none"
    wanted = f"trial {number}" + ("" if seed is None else f" with seed {seed}")
    raise SweepError(f"sweep {sweep} has started no {wanted} here; there are: {there}")


def _started(sweep: str) -> Iterator[Trial]:
    for path in (SWEEPS / sweep).glob(f"*/{FILE}"):
        try:
            yield Trial.model_validate_json(path.read_text())
        except ValueError:  # half of it, from before a power cut
            print(f"left out: {path} cannot be read; the sweep's command, repeated, writes it anew", file=sys.stderr)


def _bring_code(trial: Trial, *, wanted: bool) -> None:
    source = _source(trial)
    files = [path.relative_to(source) for path in workspace.below(source, trial.code)]
    other = [path for path in files if not path.exists() or not filecmp.cmp(source / path, path, shallow=False)]
    newer = sorted(set(workspace.below(Path(), trial.code)) - set(files))
    if (other or newer) and not wanted:
        told = [*map(str, other), *(f"{path} (it had none)" for path in newer)]
        raise SweepError(
            f"{trial.name} had other code than this workspace has now: {', '.join(told)}; "
            "--code brings that too, over these files"
        )
    for path in other:
        _place(source / path, path, shutil.copyfile)
        print(f"brought {path}")
    for path in newer:
        aside = SWEEPS / trial.sweep / "aside" / path
        _place(path, aside, shutil.move)
        print(f"moved {path}, which {trial.name} had not, to {aside}")


def _source(trial: Trial) -> Path:
    """Find the trial's code: in its own workspace or, if it ran on another machine, in the sweep's copy."""
    for place in (trial.folder, SWEEPS / trial.sweep / BASE):
        if (place / dag.FILE).exists() and workspace.digest(place, trial.code) == trial.digest:
            return place
    raise SweepError(
        f"{trial.name} had other code than this workspace has now, and the sweep's copy of it is gone since it was "
        "started anew; go to that state with git first"
    )


def _place(source: Path, target: Path, how: Callable[[Path, Path], object]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    how(source, target)


def main(arguments: Sequence[str] | None = None) -> None:
    """Bring it, say what to do next. Exit code 2 if there is no such trial, or its code differs."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.sweep.apply", description="Bring a trial back from its sweep."
    )
    parser.add_argument("sweep", help="the sweep's name")
    parser.add_argument("number", type=int, help="the trial's number, as in the summary's table")
    parser.add_argument("--seed", type=int, help="which of its seeds; without, the first")
    parser.add_argument(
        "--code", action="store_true", help="the trial's code too, where it differs from this workspace's"
    )
    parser.add_argument(
        "--pull", action="store_true", help="for a trial that ran on another machine: from the DVC remote"
    )
    options = parser.parse_args(arguments)
    with exit_on_error():
        trial = find(options.sweep, options.number, seed=options.seed)
        apply(trial, code=options.code, pull=options.pull)
        print(f"{PARAMS} and the outputs of {trial.system} on {trial.dataset} are now those of {trial.name}")


if __name__ == "__main__":
    main()
