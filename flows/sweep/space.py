"""The search space: the settings that a sweep may try, checked against params.yaml before anything starts."""

import difflib
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import optuna

from flows import dag
from flows.exceptions import SweepError
from flows.processes import ChildProcesses
from flows.stages import child_environment, error_message
from flows.sweep.config import Choice, Dimension, Sweep
from flows.sweep.workspace import PARAMS, read_metrics, set_params
from flows.yaml_reader import read_params

SYSTEM, DATASET, SEED = "system", "dataset", "seed"
OptunaValue = str | bool | int | float | None
"""A value in Optuna's storage, which has no lists."""
Setting = Mapping[str, Choice]
"""A value for `dataset`, `system` and each path that applies to them."""

_OWNERS = {"systems": SYSTEM, "datasets": DATASET}
_AXES = {
    "axes": "list the values in systems and datasets",
    "axes.system": "list the values in systems",
    "axes.dataset": "list the values in datasets",
    "axes.seed": "give their number as seeds",
}
_CHECKER = "pipelines.params"
_CHECK = f"""\
import sys
from pathlib import Path
from {_CHECKER} import check
for path in sys.argv[1:]:
    try:
        check(Path(path))
    except Exception as error:
        print(error)
"""


@dataclass(frozen=True)
class Space:
    """All settings; a dimension of one system or data set applies to the trials of that one only."""

    systems: Sequence[str]
    datasets: Sequence[str]
    dimensions: Sequence[Dimension]

    @classmethod
    def load(cls, sweep: Sweep, root: Path) -> "Space":
        """Read a sweep's space, with the systems and data sets of params.yaml where the sweep names none.

        Raises:
            SweepError: with all names and paths that params.yaml does not have, and metrics never measured before.
        """
        params = read_params(root / PARAMS)
        dag.check_axes(params)
        axes = {axis: _section(params, "axes", {}).get(axis, []) for axis in (SYSTEM, DATASET)}
        space = cls(sweep.systems or axes[SYSTEM], sweep.datasets or axes[DATASET], sweep.space)
        if not (space.systems and space.datasets):
            raise SweepError(f"axes in {PARAMS} has no system or no dataset; add them, or name some in the sweep")
        metrics = {
            name for path in root.glob("metrics/*/*/*.json") if dag.is_metrics_file(path) for name in read_metrics(path)
        }
        mistakes = [
            *_unknown("system", space.systems, known=_section(params, "systems", {})),
            *_unknown("dataset", space.datasets, known=_section(params, "datasets", axes[DATASET])),
            *(line for dimension in sweep.space for line in _check_path(dimension.path, params, space, root)),
            *_unknown("metric", [objective.metric for objective in sweep.objectives], known=metrics),
        ]
        if mistakes:
            raise SweepError("\n  ".join([f"sweep {sweep.name} does not fit {PARAMS}:", *mistakes]))
        return space

    def suggest(self, trial: optuna.Trial) -> dict[str, Choice]:
        """Let Optuna choose a setting."""
        setting: dict[str, Choice] = {
            DATASET: trial.suggest_categorical(DATASET, list(self.datasets)),
            SYSTEM: trial.suggest_categorical(SYSTEM, list(self.systems)),
        }
        for dimension in self._applying(setting):
            setting[dimension.path] = _suggest(dimension, trial)
        return setting

    def grid(self) -> Iterator[dict[str, Choice]]:
        """Yield every combination, the first dimension varying slowest."""
        for cell in self.cells():
            dimensions = self._applying(cell)
            for values in product(*(grid_values(dimension) for dimension in dimensions)):
                yield {**cell, **dict(zip((dimension.path for dimension in dimensions), values, strict=True))}

    def cells(self) -> Iterator[dict[str, str]]:
        """Yield every pair of a data set and a system."""
        for dataset, system in product(self.datasets, self.systems):
            yield {DATASET: dataset, SYSTEM: system}

    def check_values(self, base: Path, children: ChildProcesses) -> None:
        """Let the checker of a workspace read its params.yaml with every value of the space, ends of ranges included.

        Raises:
            SweepError: with the checker's messages.
        """
        probes = _probes(self.dimensions) if _has_checker(base) else []
        command, lines = [sys.executable, "-c", _CHECK], list[str]()
        with tempfile.TemporaryDirectory() as folder:
            for number, probe in enumerate(probes):
                path = Path(folder, str(number), PARAMS)
                path.parent.mkdir()
                shutil.copyfile(base / PARAMS, path)
                set_params(path, probe)
                command.append(str(path))
            if probes and children.run(command, on_line=lines.append, env=child_environment(), cwd=base):
                raise SweepError(f"{_CHECKER} ended with an error: {error_message(lines)}")
        messages = dict.fromkeys(line.strip().removeprefix(f"{PARAMS}: ") for line in lines)
        messages.pop(f"{PARAMS} does not fit:", None)
        if messages:
            raise SweepError("\n  ".join([f"the space does not fit {PARAMS}:", *messages]))

    def _applying(self, cell: Mapping[str, Choice]) -> list[Dimension]:
        return [
            dimension
            for dimension in self.dimensions
            if all(cell[axis] == name for axis, name in owner(dimension.path).items())
        ]


def owner(path: str) -> dict[str, str]:
    """Return whose a parameter is: `{"system": "inade"}` for systems.inade.width, `{}` for a shared one."""
    section, name, *_ = [*path.split("."), "", ""]
    return {_OWNERS[section]: name} if section in _OWNERS else {}


def grid_values(dimension: Dimension) -> list[Choice]:
    """Return the values that a grid tries: the choices, or evenly spaced points of the range."""
    if dimension.choices:
        return list({to_optuna(choice): choice for choice in dimension.choices}.values())
    low, high = _ends(dimension)
    scale, unscale = (math.log, math.exp) if dimension.log else (float, float)
    steps = dimension.points - 1
    inner = [unscale(scale(low) + (scale(high) - scale(low)) * step / steps) for step in range(1, steps)]
    values = [low, *inner, high]
    if dimension.integer:
        return list(dict.fromkeys(round(value) for value in values))
    return [float(f"{value:.6g}") for value in values]


def to_optuna(value: Choice) -> OptunaValue:
    """Return a value as Optuna stores it: a list as JSON."""
    return json.dumps(value) if isinstance(value, list) else value


def _suggest(dimension: Dimension, trial: optuna.Trial) -> Choice:
    if dimension.choices:
        value = trial.suggest_categorical(dimension.path, [to_optuna(choice) for choice in dimension.choices])
        lists = {to_optuna(choice): choice for choice in dimension.choices if isinstance(choice, list)}
        return lists.get(value, value)
    low, high = _ends(dimension)
    if dimension.integer:
        return trial.suggest_int(dimension.path, int(low), int(high), log=dimension.log)
    return trial.suggest_float(dimension.path, low, high, log=dimension.log)


def _ends(dimension: Dimension) -> tuple[float, float]:
    assert dimension.low is not None
    assert dimension.high is not None
    return dimension.low, dimension.high


def _probes(dimensions: Iterable[Dimension]) -> list[dict[str, Any]]:
    """Return few settings that together hold every value: the checker takes a second for each."""
    ends = (dimension.model_copy(update={"points": 2}) for dimension in dimensions)
    columns = {dimension.path: grid_values(dimension) for dimension in ends}
    rows = max(map(len, columns.values()), default=0)
    return [{path: column[min(row, len(column) - 1)] for path, column in columns.items()} for row in range(rows)]


def _check_path(path: str, params: Mapping[str, Any], space: Space, root: Path) -> list[str]:
    *parents, leaf = path.split(".")
    if path in _AXES:
        return [f"{path}: cannot be a dimension; {_AXES[path]}"]
    for axis, name in owner(path).items():
        names = {SYSTEM: space.systems, DATASET: space.datasets}[axis]
        if name not in names:
            return [f"{path}: no trial has {axis} {name!r}; there are: {', '.join(names)}"]
    section: Any = params
    for depth, key in enumerate(parents):
        section = section.get(key) if isinstance(section, Mapping) else None
        if not isinstance(section, Mapping):
            return [f"{path}: there is no section {'.'.join(parents[: depth + 1])}{_nearest(key, params)}"]
    if isinstance(section.get(leaf), Mapping):
        return [f"{path}: is a section; name one of its parameters: {', '.join(section[leaf]) or 'none'}"]
    if leaf in section or (parents and _has_checker(root)):  # may have a default in the code: the checker knows
        return []
    return [f"{path}: there is no such parameter{_nearest(leaf, section)}"]


def _section(params: Mapping[str, Any], name: str, default: Any) -> Any:
    section = params.get(name, default)
    if section is not default and not isinstance(section, Mapping):
        raise SweepError(f"{name} in {PARAMS} is {section!r}, but it is a section with names")
    return section


def _unknown(kind: str, names: Iterable[str], *, known: Iterable[str]) -> list[str]:
    known = list(known)
    allowed = f"; there are: {', '.join(sorted(known))}"
    return [f"{kind} {name!r} is unknown{allowed}" for name in names if known and name not in known]


def _nearest(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else f"; there are: {', '.join(known)}"


def _has_checker(root: Path) -> bool:
    return (root / Path(*_CHECKER.split("."))).with_suffix(".py").exists()
