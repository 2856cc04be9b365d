"""The settings that a sweep may try: the combinations of systems, data sets and dimensions."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

from flows.sweep.config import Choice, Dimension

SYSTEM, DATASET = "system", "dataset"
_AXES = {"systems": SYSTEM, "datasets": DATASET}
Coded = str | bool | int | float | None
"""A value as Optuna keeps it, which knows no lists."""
Setting = Mapping[str, Choice]
"""A value for `dataset`, `system` and each path that applies to them."""


class Suggesting(Protocol):
    """What the space needs of Optuna's trial; asked twice, it answers the same."""

    def suggest_categorical(self, name: str, choices: Sequence[Coded], /) -> Any:
        """Choose."""
        ...

    def suggest_int(self, name: str, low: int, high: int, /, *, log: bool) -> int:
        """Choose a whole number."""
        ...

    def suggest_float(self, name: str, low: float, high: float, /, *, log: bool) -> float:
        """Choose a number."""
        ...


@dataclass(frozen=True)
class Space:
    """All settings; a dimension of one system or data set applies to its own trials only."""

    systems: Sequence[str]
    datasets: Sequence[str]
    dimensions: Sequence[Dimension]

    def suggest(self, trial: Suggesting) -> dict[str, Choice]:
        """Let Optuna choose a setting."""
        setting: dict[str, Choice] = {
            DATASET: trial.suggest_categorical(DATASET, list(self.datasets)),
            SYSTEM: trial.suggest_categorical(SYSTEM, list(self.systems)),
        }
        for dimension in self._applying(setting):
            setting[dimension.path] = _suggested(dimension, trial)
        return setting

    def grid(self) -> Iterator[dict[str, Choice]]:
        """Give every combination, the first dimension varying slowest."""
        for dataset, system in product(self.datasets, self.systems):
            cell: dict[str, Choice] = {DATASET: dataset, SYSTEM: system}
            dimensions = self._applying(cell)
            for values in product(*(points(dimension) for dimension in dimensions)):
                yield cell | dict(zip((dimension.path for dimension in dimensions), values, strict=True))

    def _applying(self, cell: Mapping[str, Choice]) -> list[Dimension]:
        return [one for one in self.dimensions if all(cell[axis] == name for axis, name in owners(one.path).items())]


def cell(setting: Setting) -> str:
    """Name a setting's data set and system."""
    return f"{setting[DATASET]}/{setting[SYSTEM]}"


def owners(path: str) -> dict[str, str]:
    """Say whose a parameter is: `{"system": "inade"}` for systems.inade.width, nothing for what all trials share."""
    section, name, *_ = [*path.split("."), "", ""]
    return {_AXES[section]: name} if section in _AXES else {}


def points(dimension: Dimension) -> list[Choice]:
    """Return the values that a grid tries: the choices, or points of the range at even distances."""
    if dimension.choices:
        return list({coded(choice): choice for choice in dimension.choices}.values())
    low, high = _ends(dimension)
    to, back = (math.log, math.exp) if dimension.log else (_same, _same)
    steps = dimension.points - 1
    inner = [back(to(low) + (to(high) - to(low)) * step / steps) for step in range(1, steps)]
    values = [low, *inner, high]
    return list(dict.fromkeys(round(value) for value in values)) if dimension.integer else [*map(_short, values)]


def coded(value: Choice) -> Coded:
    """Return a value as Optuna keeps it: a list as its JSON text."""
    return json.dumps(value) if isinstance(value, list) else value


def _suggested(dimension: Dimension, trial: Suggesting) -> Choice:
    if dimension.choices:
        found = trial.suggest_categorical(dimension.path, [coded(choice) for choice in dimension.choices])
        return {coded(choice): choice for choice in dimension.choices if isinstance(choice, list)}.get(found, found)
    low, high = _ends(dimension)
    if dimension.integer:
        return trial.suggest_int(dimension.path, int(low), int(high), log=dimension.log)
    return trial.suggest_float(dimension.path, low, high, log=dimension.log)


def _ends(dimension: Dimension) -> tuple[float, float]:
    assert dimension.low is not None
    assert dimension.high is not None
    return dimension.low, dimension.high


_same: Callable[[float], float] = float


def _short(value: float) -> float:
    return float(f"{value:.6g}")
