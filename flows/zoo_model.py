"""`python -m flows.zoo_model NAME`: train and measure a model of the zoo, with the parameters of zoo/NAME.yaml.

It runs in a workspace of its own, .scratch/zoo/NAME, with this one's DVC cache: params.yaml and results here stay as
they are. Repeated after an interruption, it goes on where it stopped.
"""

import argparse
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dvc.utils.collections import merge_dicts
from pydantic import BaseModel, Field, ValidationError

from flows import dag
from flows.addresses import sqlite_uri
from flows.command import SCRATCH, exit_on_error
from flows.dag import Name
from flows.exceptions import FlowError
from flows.processes import ChildProcesses
from flows.stages import repro
from flows.sweep import workspace
from flows.yaml_reader import read_params

RECIPES = Path("zoo")
COMMIT = "commit"
"""A file of the workspace: what was checked out when it was made, absent if something was changed."""


class ZooTraining(BaseModel, frozen=True, extra="ignore"):
    """What zoo/NAME.yaml says of a training; its card is the business of `pipelines.zoo`."""

    dataset: Name
    system: Name
    seed: int = Field(default=0, ge=0)
    params: dict[str, Any] = {}
    """Merged into params.yaml."""


def read_recipe(name: str) -> ZooTraining:
    """Read zoo/NAME.yaml.

    Raises:
        FlowError: if there is none, or it does not fit.
    """
    path = RECIPES / f"{name}.yaml"
    if not re.fullmatch(dag.NAME, name) or not path.is_file():
        names = ", ".join(sorted(each.stem for each in RECIPES.glob("*.yaml"))) or "none"
        raise FlowError(f"there is no {path}; there are: {names}")
    try:
        return ZooTraining.model_validate(read_params(path))
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise FlowError(f"{path}: {'; '.join(mistakes)}") from None


def prepare(name: str) -> tuple[Path, str]:
    """Make or renew a model's workspace; return it, and the last stage to run in it."""
    recipe, folder = read_recipe(name), SCRATCH / "zoo" / name
    measured = folder / dag.metrics_file(recipe.dataset, recipe.system, recipe.seed)
    own = measured.read_bytes() if measured.exists() else None
    workspace.copy(Path(), folder, outs={out for stage in dag.read() for out in stage.outs})
    measured.unlink(missing_ok=True)  # git has those of another training
    if own is not None:
        measured.write_bytes(own)
    params = read_params(Path(dag.PARAMS))
    axes = {"dataset": [recipe.dataset], "system": [recipe.system], "seed": [recipe.seed]}
    merged = merge_dicts(params, recipe.params | {"axes": axes})
    workspace.set_params(folder / dag.PARAMS, merged)
    (folder / COMMIT).unlink(missing_ok=True)
    if commit := _commit():
        (folder / COMMIT).write_text(commit, encoding="utf-8")
    return folder, f"evaluate@{recipe.dataset}-{recipe.system}-{recipe.seed}"


def train(name: str) -> None:
    """Run every stage up to `evaluate` in the model's workspace."""
    folder, stage = prepare(name)
    tracking = os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(Path("mlflow.db"))
    children = ChildProcesses()
    try:
        repro([stage], children, on_line=print, env={"MLFLOW_TRACKING_URI": tracking}, cwd=folder)
    finally:
        children.terminate()


def _commit() -> str | None:
    """Return the commit of this workspace; None without git, or if a file differs from it."""
    outputs = [
        subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        for words in (["rev-parse", "HEAD"], ["status", "--porcelain"])
    ]
    clean = not any(output.returncode for output in outputs) and not outputs[1].stdout.strip()
    return outputs[0].stdout.strip() if clean else None


def main(arguments: Sequence[str] | None = None) -> None:
    """Train a model from a command line: exit code 2 for what a person can fix."""
    parser = argparse.ArgumentParser(prog="python -m flows.zoo_model", description="Train a model of the zoo.")
    parser.add_argument("name", help="of a file zoo/NAME.yaml")
    options = parser.parse_args(arguments)
    with exit_on_error():
        train(options.name)


if __name__ == "__main__":
    main()
