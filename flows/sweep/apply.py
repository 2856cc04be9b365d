"""`python -m flows.sweep.apply NAME NUMBER`: set a trial's parameters in the main workspace and restore its outputs.

Nothing is trained: DVC restores what the trial made, from its cache or, with `--pull`, from its remote.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dvc.utils.flatten import flatten
from dvc.utils.serialize import load_yaml

from flows import dag
from flows.command import exit_on_error
from flows.exceptions import SweepError
from flows.processes import ChildProcesses
from flows.stages import repro
from flows.sweep import workspace
from flows.sweep.trial import FILE, Trial, checkout
from flows.sweep.workspace import PARAMS, SWEEPS
from flows.yaml_reader import read_params


def apply(trial: Trial, *, pull: bool = False) -> None:
    """Set a trial's parameters in this workspace's params.yaml and restore its outputs.

    Args:
        trial: The trial.
        pull: Whether to look in the DVC remote too, for a trial that ran on another machine.

    Raises:
        SweepError: if the trial's code differs from this workspace's, or if a stage would have to run.
        StageError: if DVC fails.
    """
    if workspace.digest(Path(), trial.code) != trial.digest:
        raise SweepError(
            f"{trial.name} ran with other code than this workspace has now; go back to that code first, for example "
            f"with git (a copy is in {trial.folder}, if it ran on this machine)"
        )
    _set_params(trial)
    _restore_outputs(trial, pull=pull)


def find(sweep: str, number: int, *, seed: int | None = None) -> Trial:
    """Find a trial that was started from this workspace; without a seed, its first.

    Raises:
        SweepError: if there is none.
    """
    trials = sorted(_read_trials(sweep), key=lambda trial: (trial.number, trial.seed))
    for trial in trials:
        if trial.number == number and seed in {None, trial.seed}:
            return trial
    names = ", ".join(trial.name for trial in trials) or "none"
    missing = f"trial {number}" + ("" if seed is None else f" with seed {seed}")
    raise SweepError(f"sweep {sweep} has started no {missing} here; there are: {names}")


def _set_params(trial: Trial) -> None:
    """Set all parameters that the trial's stages read; print what changes beside what the sweep varied."""
    params = read_params(Path(PARAMS))
    axes = params["axes"]
    cell = {"dataset": trial.dataset, "system": trial.system, "seed": trial.seed}
    added = {f"axes.{axis}": [*axes[axis], value] for axis, value in cell.items() if value not in axes[axis]}
    workspace.set_params(Path(PARAMS), added | trial.params | trial.values)
    before, after = flatten(params), flatten(load_yaml(PARAMS))
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path, "nothing"), after.get(path, "nothing")
        if old != new and path not in trial.values:
            print(f"{PARAMS}: {path} was {old}, is {new} as in {trial.name}")


def _restore_outputs(trial: Trial, *, pull: bool) -> None:
    """Restore the outputs; a stage runs again only if it alone is missing and writes for git, not for DVC's cache."""
    rerun: set[str] = set()
    options = ["--pull"] if pull else []
    while missing := checkout(trial, ChildProcesses(), options=options, folder=Path(), on_output=print):
        if missing in rerun or not _writes_for_git(missing):
            places = "DVC's cache nor its remote" if pull else "this workspace nor DVC's cache (--pull asks the remote)"
            raise SweepError(
                f"{missing} of {trial.name} is in neither {places}, and was not run; its parameters are set now, "
                f"so that `dvc repro {' '.join(trial.stages)}` does that"
            )
        print(f"{missing} runs again, on restored inputs: DVC's cache does not keep all that it writes")
        repro(["--single-item", missing], ChildProcesses(), on_line=print)
        rerun.add(missing)


def _writes_for_git(stage: str) -> bool:
    """Return whether dvc.yaml has `cache: false` for some of a stage's outputs, such as small metrics."""
    declared = load_yaml(dag.FILE)["stages"][stage.partition("@")[0]]
    outs = [out for kind in ("outs", "metrics", "plots") for out in declared.get(kind, []) if isinstance(out, Mapping)]
    return any(options.get("cache") is False for out in outs for options in out.values())


def _read_trials(sweep: str) -> Iterator[Trial]:
    for path in (SWEEPS / sweep).glob(f"*/{FILE}"):
        try:
            yield Trial.model_validate_json(path.read_text(encoding="utf-8"))
        except ValueError:  # truncated by a power cut
            print(f"skipped: {path} cannot be read; repeating the sweep's command writes it anew", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Apply a trial. Exit code 2 if there is none, or its code differs."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.sweep.apply", description="Set a trial's parameters here and restore its outputs."
    )
    parser.add_argument("sweep", help="the sweep's name")
    parser.add_argument("number", type=int, help="the trial's number, as in the summary's table")
    parser.add_argument("--seed", type=int, help="one of the trial's seeds (default: the first)")
    parser.add_argument(
        "--pull", action="store_true", help="look in the DVC remote too, for a trial that ran on another machine"
    )
    options = parser.parse_args(arguments)
    with exit_on_error():
        trial = find(options.sweep, options.number, seed=options.seed)
        apply(trial, pull=options.pull)
        print(f"{PARAMS} and the outputs of {trial.system} on {trial.dataset} are now those of {trial.name}")


if __name__ == "__main__":
    main()
