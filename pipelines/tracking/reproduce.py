"""`python -m pipelines.tracking.reproduce WHICH`: a workspace that makes a cell again, from its MLflow run alone.

A clone of this repository at the run's commit, with the run's params.yaml and its part of dvc.lock. DVC compares code
and data with the hashes in there, so a workspace that cannot make the same bytes is refused.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from pipelines.params import PATH
from pipelines.stage import run
from pipelines.tracking.cell_outputs import LOCK
from pipelines.tracking.lineage import COMMIT_TAG, Lineage, find_lineage, output_hashes, processor
from smis.core.errors import ParamsError

WORKSPACES = Path(".scratch/reproduce")
REQUIREMENTS = Path("requirements.lock")
_SHOWN = 3
"""Files that a message names."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the workspace, and print the command that makes the cell; with `--run`, run it and compare the bytes."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.tracking.reproduce", description=main.__doc__)
    parser.add_argument("which", help="id of a run; a cell, whose newest run counts; digits of a checkpoint's SHA-256")
    parser.add_argument("--show", action="store_true", help="only print what made the cell")
    parser.add_argument("--folder", type=Path, help=f"of the new workspace (default: {WORKSPACES}/RUN)")
    parser.add_argument("--run", action="store_true", help="make the cell too; exit code 1 if its weights differ")
    options = parser.parse_args(arguments)
    lineage = find_lineage(options.which)
    print(lineage.describe(), flush=True)
    if options.show:
        return
    workspace = ReproducedWorkspace(lineage, options.folder or WORKSPACES / lineage.run)
    workspace.create()
    print("\n".join(workspace.instructions()), flush=True)
    if options.run:
        workspace.run()


class ReproducedWorkspace:
    """A new folder in which a run's cell is made again."""

    def __init__(self, lineage: Lineage, folder: Path) -> None:
        self._lineage, self.folder = lineage, folder

    def create(self) -> None:
        """Clone the repository, and put what the run holds into it.

        Raises:
            ParamsError: if the commit is unknown, or code or data are not those of the run.
        """
        if os.path.lexists(self.folder):
            raise ParamsError(f"{self.folder} exists; remove it, or name another folder with --folder")
        self._clone(self._commit())
        if self._lineage.patch:
            self._git("apply", "--binary", "-", text=self._lineage.patch)
        (self.folder / PATH).write_text(self._lineage.params, encoding="utf-8")
        lock = {"schema": "2.0", "stages": self._lineage.stages}
        (self.folder / LOCK).write_text(yaml.safe_dump(lock, sort_keys=False), encoding="utf-8")
        for path in self._lineage.inputs():
            self._bring(Path(path))
        self._check()
        if self._has_same_requirements():
            (self.folder / ".venv").symlink_to(sys.prefix)

    def instructions(self) -> list[str]:
        """Return what to run, and what to know of it."""
        lines = []
        made_on = self._lineage.tags.get("smis.processor")
        if made_on is not None and made_on != processor():
            lines.append(
                f"this is another processor ({processor()}): it rounds differently, and trains to other weights"
            )
        install = "" if self._has_same_requirements() else "make install && "
        variables = {"PATH": "$PWD/.venv/bin:$PATH"} | self._environment()
        command = " ".join(
            [*(f"{name}={value}" for name, value in variables.items()), "dvc repro", self._lineage.target]
        )
        return [*lines, f"cd {shlex.quote(str(self.folder))} && {install}{command}"]

    def run(self) -> None:
        """Make the cell, and compare each output with the run's.

        Raises:
            ParamsError: if a stage fails.
            SystemExit: with code 1 if the weights differ.
        """
        if not self._has_same_requirements():
            self._call("make", "install", failure="the packages of the run's commit cannot be installed")
        binaries = str((self.folder / ".venv/bin").absolute())
        environment = {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(self.folder.absolute())}
        environment |= {"SMIS_TRACKING": "off", "DVC_NO_ANALYTICS": "1"} | self._environment()
        # Forced: a cache that is shared with other workspaces would give back what is to be compared.
        command = ["python", "-m", "dvc", "repro", "--force", self._lineage.target]
        self._call(*command, failure=f"{self._lineage.target} failed", **environment)
        differing = [path for path, same in self._compare() if not same]
        if any(path.endswith("checkpoint.safetensors") for path in differing):
            raise SystemExit(1)

    def _commit(self) -> str:
        run, commit = self._lineage.run, self._lineage.tags.get(COMMIT_TAG)
        if commit is None:
            raise ParamsError(f"the commit of run {run} is unknown: its workspace was in no git repository")
        done = subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True, check=False)
        if done.returncode:
            raise ParamsError(
                f"this repository does not have commit {commit} of run {run}; `git fetch` brings it if it was pushed"
            )
        return commit

    def _clone(self, commit: str) -> None:
        """Clone by fetching the commit: `git clone` would not bring one that no branch has."""
        top = subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=True)
        self.folder.mkdir(parents=True)
        self._git("init", "--quiet")
        self._git("remote", "add", "origin", top.stdout.strip())
        self._git("fetch", "--quiet", "origin", commit)
        self._git("checkout", "--quiet", "--detach", commit)

    def _git(self, *words: str, text: str | None = None) -> None:
        done = subprocess.run(["git", *words], cwd=self.folder, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ParamsError(f"`git {' '.join(words)}` in {self.folder}: {done.stderr.strip()}")

    def _bring(self, path: Path) -> None:
        """Link raw data, or a checkpoint to begin with, which git does not hold.

        Raises:
            ParamsError: if this workspace does not have it.
        """
        target = self.folder / path
        if target.exists():
            return
        if not path.exists():
            raise ParamsError(
                f"there is no {path}, which the run was made from (DVC's hash: {self._lineage.inputs()[str(path)]}); "
                f"put it there, or `dvc pull {path}`, and remove {self.folder}"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path.resolve())

    def _check(self) -> None:
        """Let DVC compare code, data and parameters with what it recorded.

        Raises:
            ParamsError: if any of them differs.
        """
        command = [sys.executable, "-m", "dvc", "status", "--json", *self._lineage.stages]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ParamsError(f"DVC cannot read {self.folder}: {(done.stderr.strip() or 'nothing').splitlines()[-1]}")
        if changed := list(dict.fromkeys(_changes(done.stdout, self._lineage.inputs()))):
            more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            raise ParamsError(
                f"run {self._lineage.run} was made with other {', '.join(changed[:_SHOWN])}{more} "
                f"than {self.folder} has, by DVC's hashes: other data, or code that was in no commit and is new to git "
                "or larger than a megabyte"
            )

    def _has_same_requirements(self) -> bool:
        own, other = REQUIREMENTS, self.folder / REQUIREMENTS
        return not other.exists() or (own.exists() and own.read_bytes() == other.read_bytes())

    def _environment(self) -> dict[str, str]:
        """Return the variables that decide the order of additions."""
        names = {"smis.processes": "SMIS_PROCESSES", "smis.threads": "OMP_NUM_THREADS"}
        return {name: value for tag, name in names.items() if (value := self._lineage.tags.get(tag))}

    def _call(self, *command: str, failure: str, **environment: str) -> None:
        code = subprocess.run(command, cwd=self.folder, env=os.environ | environment, check=False).returncode
        if code:
            raise ParamsError(f"{failure} in {self.folder} (exit code {code})")

    def _compare(self) -> Iterator[tuple[str, bool]]:
        """Print and yield whether each output has the same bytes; evaluate's tables hold times, too."""
        made = output_hashes(yaml.safe_load((self.folder / LOCK).read_text(encoding="utf-8"))["stages"])
        for path, md5 in self._lineage.outs().items():
            same = made.get(path) == md5
            print(f"{'the same bytes' if same else 'other bytes':14}  {path}")
            yield path, same


def _changes(status: str, inputs: Mapping[str, str]) -> Iterator[str]:
    """Yield what differs by `dvc status --json`, except that outputs do not exist yet."""
    for stage, changes in json.loads(status).items():
        for change in changes:
            if change == "changed command":
                yield f"command of {stage}"
            elif isinstance(change, dict):
                for path, what in change.get("changed deps", {}).items():
                    yield from (f"{path}:{name}" for name in what) if isinstance(what, dict) else {path} & inputs.keys()


if __name__ == "__main__":
    run(lambda *arguments: main(arguments))
