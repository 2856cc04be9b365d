"""One training of a sweep: a setting with a seed, in its own workspace, and what was measured of it."""

import fcntl
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from flows import artifacts, devices
from flows.dag import RAW
from flows.exceptions import StageError, UnfitError
from flows.fields import Name, StageName
from flows.processes import ChildProcesses
from flows.stages import repro
from flows.sweep import workspace
from flows.sweep.config import Choice
from flows.sweep.curve import Point, followed
from flows.sweep.workspace import SWEEPS

FILE = "trial.json"
NAME = r"^[a-z0-9][a-z0-9-]*$"


class Trial(BaseModel, frozen=True, extra="forbid"):
    """What a machine must know to run it: parameters of the `trial` deployment, so that everything is plain."""

    sweep: str = Field(pattern=NAME, max_length=50, title="Sweep", description="Its name.")
    number: int = Field(ge=0, title="Number", description="Optuna's number of the setting.")
    seed: int = Field(ge=0, title="Seed", description="`seed` in params.yaml.")
    dataset: Name = Field(title="Data set")
    system: Name = Field(title="System")
    values: dict[str, Choice] = Field(default={}, title="Values", description="Paths of params.yaml, and their values.")
    params: dict[str, Any] = Field(default={}, title="Parameters", description="All that its stages read.")
    datasets_tried: int = Field(default=1, ge=1, title="Data sets", description="How many the sweep has.")
    shared: list[StageName] = Field(default=[], title="Shared stages", description="Made once for all trials.")
    stages: list[StageName] = Field(min_length=1, title="Stages", description="The trial's own.")
    inputs: str = Field(default="", title="Inputs", description="Names all that the shared stages depend on.")
    code: list[str] = Field(default=[], title="Code", description="The files that the stages are made of.")
    digest: str | None = Field(default=None, title="Digest", description="Of that code; another machine must have it.")
    curve: str | None = Field(default=None, title="Curve", description="What pruning looks at.")
    gpus: int = Field(default=1, ge=1, title="GPUs")
    max_concurrent: int = Field(default=1, ge=1, title="Maximum concurrent", description="Trials that share the cores.")

    @property
    def name(self) -> str:
        """Return `trial-0007-seed-0`: its folder, and its name in logs."""
        return f"trial-{self.number:04d}-seed-{self.seed}"

    @property
    def title(self) -> str:
        """Return what the pages of Prefect and MLflow call it: number, what was set, without its section, and seed.

        The data set is named where the sweep has several.
        """
        cell = [self.dataset, self.system] if self.datasets_tried > 1 else [self.system]
        told = [*cell, *(f"{path.rsplit('.', 1)[-1]} {shown(value)}" for path, value in self.values.items())]
        return f"{self.sweep} {self.number}: {', '.join(told)}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where its workspace lies."""
        return SWEEPS / self.sweep / self.name

    def write(self) -> None:
        """Write it down in its folder, from where it is brought back: all of it or nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{FILE}.part"
        part.write_text(self.model_dump_json(indent=2) + "\n")
        part.replace(self.folder / FILE)


def shown(value: Choice) -> str:
    """Write a value as params.yaml does, but for far decimals."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class TrialResult:
    """What came out: every metric's value, how long it took, and what a person should know of it."""

    values: Mapping[str, float]
    seconds: float
    machine: str = ""
    warning: str = ""


def run(
    trial: Trial,
    children: ChildProcesses,
    *,
    source: Path,
    pull: bool = False,
    on_line: Callable[[str], object],
    take: Callable[[list[Point]], object],
) -> TrialResult:
    """Train and measure a trial in a copy of `source`; a trial that was ended before goes on from its last state.

    `pull` asks the DVC remote first for what another machine has made.

    Raises:
        StageError: with a stage's last words.
        UnfitError: if `source` has other code than the sweep, or the machine too few GPUs.
        StoppedError: if `children` were ended meanwhile.
    """
    begin = time.monotonic()
    _check_code(trial, source)
    place = trial.folder
    cell = {"dataset": trial.dataset, "system": trial.system}
    workspace.prepare(source, place, cell=cell, values=trial.params | trial.values, seed=trial.seed)
    with devices.locked(
        trial.gpus, max_concurrent=trial.max_concurrent, should_stop=lambda: children.stopped
    ) as device:
        env = device | _tracking(trial)
        bring = partial(repro, children=children, on_line=on_line, env=env, cwd=place)
        restored = restoring(trial, pull=pull)
        _share(trial, lambda: bring([*restored, *trial.shared]))
        with followed(place, trial.curve, take):
            bring([*restored, *trial.stages])
        artifacts.sync_tracking(children, on_line=on_line, workspace=place, env=env)
    return TrialResult(_metrics(trial), time.monotonic() - begin, devices.machine_name())


def _check_code(trial: Trial, source: Path) -> None:
    if trial.digest is not None and workspace.digest(source, trial.code) != trial.digest:
        raise UnfitError(
            f"{source.resolve()} on {devices.machine_name()} has other code than sweep {trial.sweep}; "
            "bring it to the same state, for example with git pull, and start the sweep again"
        )


def restoring(trial: Trial, *, pull: bool) -> list[str]:
    """Return how `dvc repro` is to restore what others have made: from the cache, or with `pull` from the remote too.

    What was made of raw files that DVC tracks comes from there in any case: these need not come to every trial.
    """
    raw = trial.folder / RAW / trial.dataset
    if raw.with_name(f"{raw.name}.dvc").exists() and not raw.exists():
        return ["--pull", "--allow-missing"]
    return ["--pull"] if pull else []


def _share(trial: Trial, make: Callable[[], object]) -> None:
    """Make what trials share once: DVC restores it for the others, but would not hinder them from making it too."""
    if not trial.shared:
        return
    folder = SWEEPS / trial.sweep / "shared"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / hashlib.sha256(trial.inputs.encode()).hexdigest()[:16]
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make()
            made.touch()


def _tracking(trial: Trial) -> dict[str, str]:
    """Tell the stages whose trial they are, how many processes they have, and that MLflow's file is the main one."""
    own = {"SMIS_SWEEP": trial.sweep, "SMIS_TRIAL": str(trial.number), "SMIS_PROCESSES": str(trial.gpus)}
    own["SMIS_RUN"] = trial.title
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        own["MLFLOW_TRACKING_URI"] = f"sqlite:///{Path('mlflow.db').absolute()}"
    return own


def _metrics(trial: Trial) -> dict[str, float]:
    path = trial.folder / "metrics" / trial.dataset / f"{trial.system}.json"
    if not path.exists():
        raise StageError(f"{trial.name} has no {path.relative_to(trial.folder)}; do its stages write it?")
    results = json.loads(path.read_text())
    return finite({name: result.get("value") for name, result in results.items()})


def finite(values: Mapping[str, float | None]) -> dict[str, float]:
    """Leave out what is no number: on its way from another machine, through Prefect, NaN becomes nothing."""
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}
