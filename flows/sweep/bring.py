"""`python -m flows.sweep.bring NAME NUMBER`: a trial's parameters, code and outputs in the main workspace.

Nothing is trained again: DVC restores what the trial made, from its cache or, with `--pull`, from its remote.
"""

import argparse
import filecmp
import shutil
from collections.abc import Sequence
from pathlib import Path

from dvc.utils.serialize import load_yaml

from flows import dag
from flows.command import answers
from flows.errors import SweepError
from flows.processes import Children
from flows.stages import repro
from flows.sweep import workspace
from flows.sweep.trial import FILE, Trial
from flows.sweep.workspace import PARAMS, SWEEPS


def bring(trial: Trial, *, code: bool = False, pull: bool = False) -> None:
    """Set a trial's parameters in this workspace's params.yaml and restore its outputs.

    Raises:
        SweepError: if the trial's code differs from this workspace's, and is not asked for by `code`.
        StageError: with a stage's last words, if something had to run and failed.
    """
    if workspace.digest(Path(), trial.code) != trial.digest:
        _bring_code(trial, wanted=code)
    cell = {"dataset": trial.dataset, "system": trial.system}
    axes = load_yaml(PARAMS)["axes"]
    added = {f"axes.{axis}": [*axes[axis], name] for axis, name in cell.items() if name not in axes[axis]}
    workspace.set_params(Path(PARAMS), added | trial.values | {"seed": trial.seed})
    repro([*(["--pull"] if pull else []), *trial.stages], Children(), each_line=print)


def find(sweep: str, number: int, *, seed: int | None = None) -> Trial:
    """Find a trial that this workspace has started; without a seed, its first.

    Raises:
        SweepError: if there is none.
    """
    trials = [Trial.model_validate_json(path.read_text()) for path in sorted((SWEEPS / sweep).glob(f"*/{FILE}"))]
    for trial in trials:
        if trial.number == number and seed in {None, trial.seed}:
            return trial
    there = ", ".join(trial.name for trial in trials) or "none"
    wanted = f"trial {number}" + ("" if seed is None else f" with seed {seed}")
    raise SweepError(f"sweep {sweep} has started no {wanted} here; there are: {there}")


def _bring_code(trial: Trial, *, wanted: bool) -> None:
    if not (trial.folder / dag.FILE).exists():
        raise SweepError(
            f"{trial.name} ran on another machine with other code than this; go to that state with git first"
        )
    files = [path.relative_to(trial.folder) for path in workspace.below(trial.folder, trial.code)]
    other = [path for path in files if not path.exists() or not filecmp.cmp(trial.folder / path, path, shallow=False)]
    if other and not wanted:
        raise SweepError(
            f"{trial.name} had other code than this workspace has now: {', '.join(map(str, other))}; "
            "--code brings that too, over these files"
        )
    for path in other:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(trial.folder / path, path)
        print(f"brought {path}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Bring it, say what to do next. Exit code 2 if there is no such trial, or its code differs."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.sweep.bring", description="Bring a trial back from its sweep."
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
    with answers():
        trial = find(options.sweep, options.number, seed=options.seed)
        bring(trial, code=options.code, pull=options.pull)
        print(f"{PARAMS} and the outputs of {trial.system} on {trial.dataset} are now those of {trial.name}")


if __name__ == "__main__":
    main()
