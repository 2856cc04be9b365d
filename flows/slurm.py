"""slurm.yaml, and the commands of Slurm: the script of a worker job is written, submitted, counted, ended."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from prefect.settings import PREFECT_API_URL
from pydantic import BaseModel, Field, ValidationError, model_validator

from flows.command import SCRATCH
from flows.exceptions import FlowError, SlurmError
from flows.processes import GRACE_VARIABLE
from flows.yaml_reader import read_yaml

FOLDER = SCRATCH / "slurm"
"""Scripts and logs of worker jobs."""
COMMAND_TIMEOUT_S = 120.0
"""Slurm's commands give up earlier themselves, unless a file system hangs."""
RETURN_S = 20
"""Seconds of `grace_s` that are kept for the return of the trial to Prefect's queue, after its processes have ended."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=50)]
Option = Annotated[str, Field(pattern=r"^[^\s#'\"]+$", max_length=200)]
Flag = Annotated[str, Field(pattern=r"^--?[A-Za-z][^\s#'\"]*$", max_length=200)]


class SlurmConfig(BaseModel, frozen=True, extra="forbid", strict=True):
    """The fields of slurm.yaml; the options of sbatch keep its names."""

    name: Name = "smis"
    """Name of the jobs. Two of these commands, for two kinds of jobs, need two names."""
    max_jobs: int = Field(default=4, ge=1, le=1000)
    """Jobs that wait or run at a time."""
    time_limit_min: int = Field(default=240, ge=2, le=10_080)
    """Minutes after which Slurm ends a job."""
    grace_s: int = Field(default=120, ge=30, le=3600)
    """Seconds before the time limit at which a job gives back its trial."""
    idle_timeout_s: int = Field(default=60, ge=1)
    """Seconds without a waiting trial after which a job ends."""
    poll_s: float = Field(default=10, ge=0.5)
    """Seconds between two looks at Prefect and Slurm."""
    partition: Option | None = None
    account: Option | None = None
    qos: Option | None = None
    cpus_per_task: int | None = Field(default=None, ge=1)
    mem: Option | None = None
    gres: Option | None = None
    options: list[Flag] = []
    """More options of sbatch, such as `--constraint=a100`."""
    setup: list[str] = []
    """Shell commands before the worker, such as `module load cuda`."""
    python: list[str] = Field(default=[sys.executable], min_length=1)
    """Command that starts Python on a node."""

    @classmethod
    def read(cls, path: Path) -> "SlurmConfig":
        """Read a file.

        Raises:
            FlowError: with all values that are not allowed.
        """
        try:
            return cls.model_validate(read_yaml(path))
        except ValidationError as error:
            raise FlowError(f"{path}: {'; '.join(_problem(each) for each in error.errors())}") from None

    @model_validator(mode="after")
    def _has_time(self) -> "SlurmConfig":
        if self.grace_s >= self.time_limit_min * 60:
            raise ValueError(
                f"grace_s is {self.grace_s} s, but a job has only {self.time_limit_min * 60} s; it must be less"
            )
        return self

    def script(self) -> str:
        """Return the batch script of a worker job, which `sbatch` also takes from a person's hand."""
        worker = [*self.python, "-m", "flows.worker", "--until-idle", str(self.idle_timeout_s)]
        lines = ["#!/bin/bash", *(f"#SBATCH {option}" for option in self._sbatch_options()), *self.setup]
        # exec: sbatch's signal reaches the worker, not a shell that waits for it
        return "\n".join(
            [*lines, f"export {GRACE_VARIABLE}={self.grace_s - RETURN_S}", f"exec {shlex.join(worker)}", ""]
        )

    def _sbatch_options(self) -> Iterator[str]:
        yield f"--job-name={self.name}"
        yield f"--output={FOLDER}/%j.log"
        yield f"--time={self.time_limit_min}"
        yield f"--signal=B:TERM@{self.grace_s}"
        yield "--ntasks=1"
        for name in ("partition", "account", "qos", "cpus_per_task", "mem", "gres"):
            if (value := getattr(self, name)) is not None:
                yield f"--{name.replace('_', '-')}={value}"
        yield from self.options


def _problem(error: Any) -> str:
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    path, kind, problem = ".".join(map(str, error["loc"])), error["type"], error["msg"]
    if kind == "string_pattern_mismatch":
        problem = "it may have no spaces, quotes or #, and options begin with -"
    elif kind == "extra_forbidden":
        problem = f"there is no such field; the fields are {', '.join(SlurmConfig.model_fields)}"
    return f"{path} is {error['input']!r}: {problem}"


class SlurmJobs:
    """The worker jobs of one name and of this user; only Slurm keeps a list of them, so that a restart loses none."""

    folder = FOLDER

    def __init__(self, config: SlurmConfig, api: str) -> None:
        self._config, self._script = config, FOLDER / f"{config.name}.sbatch"
        self._env = os.environ | {PREFECT_API_URL.name: api}

    def check(self) -> None:
        """Write the script, and ask Slurm whether it would take it.

        Raises:
            SlurmError: with the message of sbatch.
        """
        FOLDER.mkdir(parents=True, exist_ok=True)
        self._script.write_text(self._config.script(), encoding="utf-8")
        _run("sbatch", "--test-only", str(self._script))

    def submit(self) -> str:
        """Submit a job; return its number."""
        return _run("sbatch", "--parsable", str(self._script), env=self._env).partition(";")[0]

    def states(self) -> dict[str, str]:
        """Return the state of each job by its number; those that ended are listed for some minutes (MinJobAge)."""
        which = [f"--name={self._config.name}", f"--user={os.getuid()}", "--states=all"]
        listed = _run("squeue", *which, "--noheader", "--format=%i %T")
        return dict(line.split(maxsplit=1) for line in listed.splitlines())

    def cancel_queued(self, numbers: Iterable[str]) -> None:
        """Cancel jobs, but not those that have started meanwhile."""
        _run_for(numbers, "scancel", "--state=PENDING")

    def ask_to_end(self, numbers: Iterable[str]) -> None:
        """Let jobs give back their trials and end, as before a time limit."""
        _run_for(numbers, "scancel", "--batch", "--signal=TERM")

    def cancel(self, numbers: Iterable[str]) -> None:
        """Cancel jobs."""
        _run_for(numbers, "scancel")

    def last_line(self, number: str) -> str:
        """Return the last line that a job has printed, with the path of its log."""
        path = FOLDER / f"{number}.log"
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
        return f"{next((line for line in reversed(lines) if line.strip()), 'it printed nothing')} ({path})"


def _run_for(numbers: Iterable[str], *command: str) -> None:
    if numbers := list(numbers):
        _run(*command, *numbers)


def _run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Run one of Slurm's commands; return what it printed.

    Raises:
        SlurmError: with its message in one line, or if it is not installed.
    """
    name = command[0]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise SlurmError(f"there is no {name} in PATH; run this where jobs are submitted, on a login node") from None
    except subprocess.TimeoutExpired:
        raise SlurmError(f"{name} has not ended after {COMMAND_TIMEOUT_S:.0f} s") from None
    if done.returncode:
        lines = [line.removeprefix(f"{name}: ").removeprefix("error: ") for line in done.stderr.splitlines()]
        raise SlurmError(f"{name}: {'; '.join(filter(None, lines)) or f'exit code {done.returncode}'}")
    return done.stdout.strip()
