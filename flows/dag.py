"""The stages of dvc.yaml, read by DVC itself in the order in which they run, and the names that they may have."""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from graphlib import TopologicalSorter
from itertools import accumulate
from operator import getitem
from pathlib import Path
from typing import Annotated, Any

from dvc.dependency import ParamsDependency
from dvc.dvcfile import ProjectFile, load_file
from dvc.exceptions import DvcException
from dvc.parsing import MatrixDefinition
from dvc.repo import Repo
from dvc.scm import SCMError
from dvc.stage import PipelineStage
from pydantic import Field

from flows.exceptions import FlowError
from flows.yaml_reader import read_yaml

FILE = "dvc.yaml"
PARAMS = "params.yaml"
RAW = "raw"
"""The folder of raw data, which stages read: large, and no code."""
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
"""One word for a shell, and no option for a program: DVC inserts a cell's names into its stages' commands."""
Name = Annotated[str, Field(pattern=NAME)]
StageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]*$")]
"""Of a stage, or of one of its cells."""


def choices(*keys: str) -> Any:
    """Let a form offer the names that params.yaml has under these keys when the form is made, if it has any."""

    def add_enum(schema: dict[str, Any]) -> None:
        with suppress(FlowError, TypeError, KeyError):  # the flow itself reports what is wrong with it
            names = reduce(getitem, keys, read_yaml(Path(PARAMS)))
            schema["enum"] = [str(name) for name in names]

    return Field(json_schema_extra=add_enum)


System = Annotated[Name, choices("systems")]
Dataset = Annotated[Name, choices("datasets")]
SystemInTable = Annotated[Name, choices("axes", "system")]
DatasetInTable = Annotated[Name, choices("axes", "dataset")]
SeedInTable = Annotated[Name, choices("axes", "seed")]


def metrics_file(dataset: str, system: str, seed: int) -> Path:
    """Return where the stages of a cell write its metrics, relative to the workspace."""
    return Path("metrics", dataset, system, f"seed-{seed}.json")


def is_metrics_file(path: Path) -> bool:
    """Return whether a file below metrics/ is a cell's, and not a human study's."""
    return path.stem.startswith("seed-")


@dataclass(frozen=True)
class Stage:
    """One stage, or one cell of a stage that has a matrix."""

    name: str
    cell: Mapping[str, str] = field(default_factory=dict)
    """Its coordinates in the matrix, such as `{"dataset": "paperdoll", "system": "inade", "seed": "0"}`; or empty."""
    upstream: tuple[str, ...] = ()
    """The stages whose outs it depends on."""
    present: bool = False
    """Whether its outs exist, up to date or not."""
    outs: tuple[str, ...] = ()
    """The files and folders that it writes, relative to the workspace."""
    code: tuple[str, ...] = ()
    """The files and folders that it depends on and no stage writes, except raw data."""
    params: tuple[str, ...] = ()
    """The sections and parameters of params.yaml that it depends on."""


def read(root: Path | None = None) -> list[Stage]:
    """Read the DAG of a workspace (default: the current folder), each stage after those that it depends on.

    Raises:
        FlowError: if there is no DVC workspace, DVC refuses it, or the name of a cell is unsafe in a shell.
    """
    root = root or Path.cwd()
    for name in (FILE, ".dvc"):
        if not (root / name).exists():
            raise FlowError(f"there is no {name} in {root}; run this in the folder of {FILE}")
    read_yaml(root / FILE)  # DVC itself would hang on some
    if os.path.lexists(root / PARAMS):
        check_axes(read_yaml(root / PARAMS))
    try:
        with Repo(str(root)) as repo:
            return _stages(repo)
    except DvcException as error:
        missing = "" if (root / PARAMS).exists() else f"; there is no {PARAMS}"
        if isinstance(error, SCMError):
            missing = "; run `git init`, or `dvc config --local core.no_scm true` to work without git"
        raise FlowError(f"DVC refuses {FILE}: {' '.join(str(error).split())}{missing}") from error


def check_axes(params: Mapping[str, Any]) -> None:
    """Check that every axis in the section `axes` of params.yaml, if there is one, has a list of names.

    Raises:
        FlowError: if not, with the axis.
    """
    axes = params.get("axes", {})
    if not isinstance(axes, Mapping):
        raise FlowError(f"axes in {PARAMS} is {axes!r}; list the names of each axis, such as {{system: [inade]}}")
    for axis, names in axes.items():
        if not isinstance(names, list) or not names:
            raise FlowError(f"axes.{axis} in {PARAMS} is {names!r}; list at least one name, such as [inade]")


def select(stages: Sequence[Stage], axes: Mapping[str, Sequence[str]]) -> tuple[list[Stage], list[Stage]]:
    """Select the cells with these values (none given: all); return them, and the other stages.

    A stage without a matrix, like the report, is selected if its inputs are selected or exist.

    Raises:
        FlowError: if no cell has such a value.
    """
    for axis, values in axes.items():
        allowed = sorted({stage.cell[axis] for stage in stages if axis in stage.cell})
        for value in values:
            if value not in allowed:
                raise FlowError(
                    f"{axis} {value!r} is not in {FILE}'s matrix; there are: {', '.join(allowed) or 'none'}"
                    f"; add it to axes.{axis} in {PARAMS}"
                )
    selected: list[Stage] = []
    others: list[Stage] = []
    missing: set[str] = set()
    for stage in stages:  # in order, so that a stage without its inputs makes its downstream miss theirs
        chosen = all(not values or stage.cell.get(axis, values[0]) in values for axis, values in axes.items())
        if chosen and (stage.cell or missing.isdisjoint(stage.upstream)):
            selected.append(stage)
        else:
            others.append(stage)
            if chosen or not stage.present:
                missing.add(stage.name)
    return selected, others


def _stages(repo: Repo) -> list[Stage]:
    graph, cells = repo.index.graph, _cells(repo)
    names = {  # files that were `dvc add`ed are in DVC's graph too
        stage: stage.name for stage in repo.index.stages if isinstance(stage, PipelineStage) and stage.name
    }
    written = {out.def_path for stage in names for out in stage.outs} | {PARAMS, RAW}
    parents = {folder for path in written for folder in _folders(path)}
    stages = {
        name: Stage(
            name=name,
            cell=cells.get(name, {}),
            upstream=tuple(sorted(names[needed] for needed in graph.successors(stage) if needed in names)),
            present=all(out.exists for out in stage.outs),
            outs=tuple(out.def_path for out in stage.outs),
            code=tuple(path for path in paths if path not in parents and written.isdisjoint(_folders(path))),
            params=tuple(path for dep in stage.deps if isinstance(dep, ParamsDependency) for path in dep.params),
        )
        for stage, name in names.items()
        for paths in [[dep.def_path for dep in stage.deps]]
    }
    order = TopologicalSorter({name: stage.upstream for name, stage in stages.items()})
    return [stages[name] for name in order.static_order()]


def _folders(path: str) -> list[str]:
    """Return a path and its parents."""
    return list(accumulate(path.split("/"), "{}/{}".format))


def _cells(repo: Repo) -> dict[str, dict[str, str]]:
    """Read each cell's coordinates by DVC's own resolver: its name joins them by "-", which they may contain."""
    project = load_file(repo, str(Path(repo.root_dir) / FILE))
    assert isinstance(project, ProjectFile)
    cells = {
        f"{name}@{key}": {axis: str(value) for axis, value in cell.items()}
        for name, definition in project.resolver.definitions.items()
        if isinstance(definition, MatrixDefinition)
        for key, cell in definition.normalized_iterable.items()
    }
    for axis, value in dict.fromkeys(item for cell in cells.values() for item in cell.items()):
        if not re.fullmatch(NAME, value):
            raise FlowError(
                f"axes.{axis} in {PARAMS} has {value!r}, which DVC inserts into shell commands; "
                "a name has letters, digits, '_', '.' and '-' only, and does not begin with '.' or '-'"
            )
    return cells
