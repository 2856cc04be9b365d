"""What a sweep asks for, compared with the workspace before anything starts: all mistakes in one message."""

import difflib
import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dvc.utils.serialize import load_yaml

from flows.exceptions import SweepError
from flows.processes import ChildProcesses
from flows.stages import child_environment, error_message
from flows.sweep.config import Dimension, Sweep
from flows.sweep.space import Space, owners, points
from flows.sweep.workspace import PARAMS, set_params

CHECKER = "pipelines.params"
_AXES = {"axes": "systems and datasets", "axes.system": "systems", "axes.dataset": "datasets"}
_PROBES = ".scratch/probes"
_CHECK = f"""\
import sys
from pathlib import Path
from {CHECKER} import check
for path in sys.argv[1:]:
    try:
        check(Path(path))
    except Exception as error:
        print(error)
"""


def space(sweep: Sweep, root: Path) -> Space:
    """Return the sweep's space, its systems and data sets filled in from the workspace's params.yaml.

    Raises:
        SweepError: with every name and path that params.yaml does not know, and every metric that was never measured.
    """
    params: dict[str, Any] = load_yaml(str(root / PARAMS))
    axes = params.get("axes", {})
    found = Space(sweep.systems or axes["system"], sweep.datasets or axes["dataset"], sweep.space)
    mistakes = [
        *_unknown("system", found.systems, known=params.get("systems", {})),
        *_unknown("dataset", found.datasets, known=params.get("datasets", axes["dataset"])),
        *(line for dimension in sweep.space for line in _path(dimension, params, found, root)),
        *_unknown("metric", [objective.metric for objective in sweep.objectives], known=_metrics(root)),
    ]
    if mistakes:
        raise SweepError("\n  ".join([f"sweep {sweep.name} does not fit {PARAMS}:", *mistakes]))
    return found


def values(space: Space, base: Path, children: ChildProcesses) -> None:
    """Let the project's own checker read params.yaml with every value of the space in its turn, ends of ranges too.

    `base` is a copy of the workspace, in which there may be more files.

    Raises:
        SweepError: with the checker's own words.
    """
    probes = _probes(space.dimensions) if _has_checker(base) else []
    for number, probe in enumerate(probes):
        place = base / _PROBES / str(number) / PARAMS
        place.parent.mkdir(parents=True)
        shutil.copyfile(base / PARAMS, place)
        set_params(place, probe)
    if not probes:
        return
    lines: list[str] = []
    paths = [f"{_PROBES}/{number}/{PARAMS}" for number in range(len(probes))]
    command = [sys.executable, "-c", _CHECK, *paths]
    if children.run(command, on_line=lines.append, env=child_environment(), cwd=base):
        raise SweepError(f"{CHECKER} ended with an error: {error_message(lines)}")
    told = dict.fromkeys(line.strip().removeprefix(f"{PARAMS}: ") for line in lines)
    told.pop(f"{PARAMS} does not fit:", None)
    if told:
        raise SweepError("\n  ".join([f"the space does not fit {PARAMS}:", *told]))


def _probes(dimensions: Iterable[Dimension]) -> list[dict[str, Any]]:
    """Few settings that together hold every value: the checker takes a second, and each value is checked by itself."""
    columns = {one.path: points(one.model_copy(update={"points": 2})) for one in dimensions}
    rows = max(map(len, columns.values()), default=0)
    return [{path: column[min(row, len(column) - 1)] for path, column in columns.items()} for row in range(rows)]


def _path(dimension: Dimension, params: Mapping[str, Any], space: Space, root: Path) -> list[str]:
    *parents, leaf = dimension.path.split(".")
    if dimension.path in _AXES:
        return [f"{dimension.path}: a sweep has no dimension for it; name its values in {_AXES[dimension.path]}"]
    for axis, name in owners(dimension.path).items():
        there = {"system": space.systems, "dataset": space.datasets}[axis]
        if name not in there:
            return [f"{dimension.path}: no trial has {axis} {name!r}; there are: {', '.join(there)}"]
    section: Any = params
    for depth, key in enumerate(parents):
        section = section.get(key) if isinstance(section, Mapping) else None
        if not isinstance(section, Mapping):
            return [f"{dimension.path}: there is no section {'.'.join(parents[: depth + 1])}{_near(key, params)}"]
    if isinstance(section.get(leaf), Mapping):
        return [f"{dimension.path}: is a section; name one of its parameters: {', '.join(section[leaf]) or 'none'}"]
    if leaf in section or (parents and _has_checker(root)):  # left to its default there; the checker knows better
        return []
    return [f"{dimension.path}: there is no such parameter{_near(leaf, section)}"]


def _unknown(what: str, names: Iterable[str], *, known: Iterable[str]) -> list[str]:
    known = list(known)
    there = f"; there are: {', '.join(sorted(known))}"
    return [f"{what} {name!r} is unknown{there}" for name in names if known and name not in known]


def _metrics(root: Path) -> set[str]:
    """The names that were measured here before; none before the first run."""
    return {name for path in root.glob("metrics/*/*.json") for name in json.loads(path.read_text())}


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(known)}"


def _has_checker(root: Path) -> bool:
    return (root / Path(*CHECKER.split("."))).with_suffix(".py").exists()
