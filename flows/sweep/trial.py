"""One trial with one seed: what a machine must know to run it, its run in its own workspace, and its result."""

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pydantic
from filelock import FileLock, Timeout
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed
from pydantic import BaseModel, BeforeValidator, Field

from flows import artifacts, devices
from flows.addresses import sqlite_uri
from flows.dag import RAW, Name, StageName, metrics_file
from flows.exceptions import FlowError, StageError, StoppedError, SweepError
from flows.processes import ChildProcesses
from flows.retry import call_periodically
from flows.stages import repro
from flows.sweep import workspace
from flows.sweep.config import Choice, SweepName
from flows.sweep.workspace import PARAMS, SWEEPS

FILE = "trial.json"
POLL_S = 1.0
Point = tuple[int, float]
"""A training step and the value there."""
_HISTORIES = (".scratch/train-*/history.jsonl", "runs/*/*/*/history.jsonl")
"""Where a trial's learning curves are while it trains, and after."""
_RUNNING = "Running stage '"


class Trial(BaseModel, frozen=True, extra="ignore"):
    """The parameters of the `trial` deployment, so that all values are plain."""

    sweep: SweepName = Field(title="Sweep", description="The sweep's name.")
    number: int = Field(ge=0, title="Number", description="The trial's number in Optuna's study.")
    seed: int = Field(ge=0, title="Seed", description="`axes.seed` in its params.yaml.")
    dataset: Name = Field(title="Data set")
    system: Name = Field(title="System")
    values: dict[str, Choice] = Field(default={}, title="Values", description="What the sweep varies, by path.")
    params: dict[str, Any] = Field(default={}, title="Parameters", description="All that its stages read, by path.")
    datasets_tried: int = Field(default=1, ge=1, title="Data sets", description="How many the sweep has.")
    shared: list[StageName] = Field(default=[], title="Shared stages", description="Run once for all trials.")
    stages: list[StageName] = Field(min_length=1, title="Stages", description="The trial's own.")
    inputs: str = Field(default="", title="Inputs", description="Identifies what the shared stages depend on.")
    code: list[str] = Field(default=[], title="Code", description="The files that the stages depend on.")
    digest: str | None = Field(default=None, title="Digest", description="SHA-256 of that code.")
    pruning_metric: str | None = Field(default=None, title="Pruning metric", description="A value in history.jsonl.")
    gpus: int = Field(default=1, ge=1, title="GPUs")
    max_concurrent: int = Field(default=1, ge=1, title="Maximum concurrent", description="Trials that share the cores.")

    @property
    def name(self) -> str:
        """Return `trial-0007-seed-0`: its folder, and its name in logs."""
        return f"trial-{self.number:04d}-seed-{self.seed}"

    @property
    def title(self) -> str:
        """Return its name on the pages of Prefect and MLflow, such as `rates 3: inade, ema 0.99, seed 0`."""
        cell = [self.dataset, self.system] if self.datasets_tried > 1 else [self.system]
        values = (f"{path.rsplit('.', 1)[-1]} {shown(value)}" for path, value in self.values.items())
        return f"{self.sweep} {self.number}: {', '.join([*cell, *values])}, seed {self.seed}"

    @property
    def cell(self) -> dict[str, str]:
        """Return its coordinates in the matrix of dvc.yaml."""
        return {"dataset": self.dataset, "system": self.system, "seed": str(self.seed)}

    @property
    def folder(self) -> Path:
        """Return its workspace."""
        return SWEEPS / self.sweep / self.name

    def write(self) -> None:
        """Write its trial.json, from which `apply` reads it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{FILE}.part"
        part.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        part.replace(self.folder / FILE)

    def prepare(self, source: Path) -> None:
        """Copy the small files of a workspace into the trial's own, with its parameters and no other cell."""
        workspace.copy(source, self.folder)
        workspace.keep_stages(source, self.folder, {*self.shared, *self.stages})
        axes = {"axes.dataset": [self.dataset], "axes.system": [self.system], "axes.seed": [self.seed]}
        workspace.set_params(self.folder / PARAMS, axes | self.params | self.values)

    def pull_options(self, *, pull: bool) -> list[str]:
        """Return the options with which `dvc repro` restores outputs: from the cache, or with `pull` the remote too.

        Raw files that DVC tracks are not copied to trials; what was made of them comes from the remote in any case.
        """
        raw = self.folder / RAW / self.dataset
        if raw.with_name(f"{raw.name}.dvc").exists() and not raw.exists():
            return ["--pull", "--allow-missing"]
        return ["--pull"] if pull else []


def _finite(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


@pydantic.dataclasses.dataclass(frozen=True)
class TrialResult:
    """Every metric that is finite (NaN becomes null in JSON), the duration, the machine, and a warning."""

    values: Annotated[Mapping[str, float], BeforeValidator(_finite)]
    seconds: float
    machine: str = ""
    warning: str = ""


@dataclass(eq=False)
class TrialJob:
    """A trial that runs, and what became of it: `result`, `pruned`, or the `reason` of its failure."""

    trial: Trial
    execute: "Callable[[TrialJob], TrialResult]"
    """Runs it, on this machine or another: `run` or `remote.run_on_pool`, with a sweep's own arguments bound."""
    should_prune: Callable[[list[Point]], bool] = lambda points: False
    """Receives new points of the curve; returns whether to stop the trial early."""
    on_line: Callable[[str], object] = print
    children: ChildProcesses = field(default_factory=ChildProcesses)
    result: TrialResult | None = None
    reason: str = ""
    pruned: bool = False
    last_step: int = -1

    def run(self, on_line: Callable[[str], object]) -> State[None]:
        """Run the trial, its lines passed to `on_line`; its failure is a state, not an exception."""
        self.on_line = on_line
        try:
            self.result = self.execute(self)
        except StoppedError as error:
            self.reason = str(error)
            if self.pruned:
                return Completed(name="Pruned", message="worse than others")
            return Cancelled(message=self.reason)
        except FlowError as error:
            self.reason = str(error)
            return Failed(message=self.reason, data=error)
        return Completed(message=", ".join(f"{name} {value:.4g}" for name, value in self.result.values.items()))

    def report(self, points: Sequence[Point]) -> None:
        """Take the curve so far; stop the trial if its new points are worse than others."""
        new = [point for point in points if point[0] > self.last_step]
        if not new or self.pruned:
            return
        self.last_step = new[-1][0]
        if self.should_prune(new):
            self.pruned = True
            self.children.terminate()


@task(name="trial", task_run_name="{name}", cache_policy=NO_CACHE, retries=0)
def run_task(name: str, run_job: Callable[[Callable[[str], object]], State[None]]) -> State[None]:
    """Run a trial as a Prefect task, its output in Prefect's log."""
    return run_job(get_run_logger().info)  # a method: Prefect would look for futures in the fields of the job itself


def run(job: TrialJob, *, source: Path, pull: bool = False) -> TrialResult:
    """Train and evaluate a trial on this machine; one that was stopped before resumes from its last checkpoint.

    Args:
        job: The trial, and the child processes that run its stages.
        source: The workspace to copy.
        pull: Whether to look in the DVC remote first for what other machines have made.

    Raises:
        StageError: if a stage fails.
        SweepError: if `source` has other code than the sweep.
        FlowError: if the machine has too few GPUs.
        StoppedError: if the job's children were terminated.
    """
    begin, trial, children = time.monotonic(), job.trial, job.children
    _check_code(trial, source)
    trial.prepare(source)
    lock = devices.locked(trial.gpus, max_concurrent=trial.max_concurrent, should_stop=lambda: children.stopped)
    with lock as device:
        env = device | _environment(trial)
        reproduce = partial(repro, children=children, on_line=job.on_line, env=env, cwd=trial.folder)
        options = trial.pull_options(pull=pull)
        _run_shared(job, lambda: reproduce([*options, *trial.shared]))
        with _reporting_curve(job):
            reproduce([*options, *trial.stages])
        artifacts.sync_tracking(children, on_line=job.on_line, workspace=trial.folder, env=env)
    return TrialResult(read_metrics(trial), time.monotonic() - begin, devices.machine_name())


def checkout(
    trial: Trial,
    children: ChildProcesses,
    *,
    options: Sequence[str],
    folder: Path,
    on_output: Callable[[str], object] = lambda output: None,
) -> str | None:
    """Restore a trial's outputs in a workspace with its code and parameters; return the first stage that DVC lacks.

    `dvc repro` would run what it cannot restore, so that it is given a shell that runs nothing.

    Raises:
        StageError: if DVC fails.
    """
    lines: list[str] = []
    no_shell = {"SHELL": shutil.which("false") or "/bin/false"}
    try:
        repro([*options, *trial.stages], children, on_line=lines.append, env=no_shell, cwd=folder)
    except StageError:
        missing = [line.removeprefix(_RUNNING).partition("'")[0] for line in lines if line.startswith(_RUNNING)]
        if not missing:
            raise
        return missing[-1]
    on_output("\n".join(lines))
    return None


def pull(trial: Trial, children: ChildProcesses, *, source: Path, warn: Callable[[str], object]) -> None:
    """Pull a trial's outputs into its folder, as far as the DVC remote has them; warn if DVC fails."""
    try:
        trial.prepare(source)
        checkout(trial, children, options=trial.pull_options(pull=True), folder=trial.folder)
    except StageError as error:
        warn(f"the outputs of {trial.name} were not pulled: {error}")


def read_metrics(trial: Trial) -> dict[str, Any]:
    """Read the metrics that a trial's stages have written."""
    path = metrics_file(trial.dataset, trial.system, trial.seed)
    if not (trial.folder / path).exists():
        raise StageError(f"{trial.name} has no {path}; do its stages write it?")
    metrics = workspace.read_metrics(trial.folder / path)
    return {name: metric.get("value") for name, metric in metrics.items() if isinstance(metric, Mapping)}


def read_curve(workspace: Path, key: str) -> list[Point]:
    """Read one value of a trial's history; a step that was trained again after a restart counts once."""
    values = {row["step"]: row[key] for row in _read_history(workspace) if _is_number(row.get(key))}
    return sorted(values.items())


def list_curves(workspace: Path) -> list[str]:
    """List the values in a trial's history; none if it trained on another machine."""
    return sorted({key for row in _read_history(workspace) for key in row if key != "step" and _is_number(row[key])})


@contextmanager
def _reporting_curve(job: TrialJob) -> Iterator[None]:
    """Report the curve by which trials are pruned while the block runs, and at its end."""
    key = job.trial.pruning_metric
    if key is None:
        yield
        return
    try:
        with call_periodically(lambda: job.report(read_curve(job.trial.folder, key)), interval_s=POLL_S):
            yield
    finally:
        job.report(read_curve(job.trial.folder, key))


def _read_history(workspace: Path) -> list[dict[str, Any]]:
    files = [path for pattern in _HISTORIES for path in workspace.glob(pattern)]
    rows: list[Any] = []
    with suppress(FileNotFoundError):  # moved or removed since it was listed: the next call finds the other
        newest = max(files, key=lambda path: path.stat().st_mtime, default=None)
        for line in newest.read_text(encoding="utf-8").splitlines() if newest else []:
            with suppress(json.JSONDecodeError):  # the line that is being written
                rows.append(json.loads(line))
    return [row for row in rows if isinstance(row, dict) and "step" in row]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def shown(value: Choice) -> str:
    """Write a value as params.yaml does, floats with four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def _check_code(trial: Trial, source: Path) -> None:
    if trial.digest is not None and workspace.digest(source, trial.code) != trial.digest:
        raise SweepError(
            f"{source.resolve()} on {devices.machine_name()} has other code than sweep {trial.sweep}; "
            "bring it to the same state, for example with git pull, and start the sweep again"
        )


def _run_shared(job: TrialJob, run_stages: Callable[[], object]) -> None:
    """Run the stages that trials share in one trial only; DVC's cache restores them for the others."""
    if not job.trial.shared:
        return
    folder = SWEEPS / job.trial.sweep / "shared"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / hashlib.sha256(job.trial.inputs.encode()).hexdigest()[:16]
    try:
        lock = FileLock(done.with_suffix(".lock")).acquire(cancel_check=lambda: job.children.stopped)
    except Timeout:
        raise StoppedError("the trial was stopped while another made what they share") from None
    with lock:
        if not done.exists():
            run_stages()
            done.touch()


def _environment(trial: Trial) -> dict[str, str]:
    """Tell the stages their trial, how many processes they have, and where MLflow is (default: the main workspace)."""
    mlflow = os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(Path("mlflow.db"))
    values = {"SMIS_SWEEP": trial.sweep, "SMIS_TRIAL": str(trial.number), "SMIS_RUN": trial.title}
    return values | {"SMIS_PROCESSES": str(trial.gpus), "MLFLOW_TRACKING_URI": mlflow}
