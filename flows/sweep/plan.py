"""From a setting to a trial: which stages are its own, and which it shares with others."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dvc.utils.serialize import load_yaml

from flows import dag
from flows.exceptions import SweepError
from flows.sweep import workspace
from flows.sweep.config import Choice, Sweep
from flows.sweep.space import DATASET, SYSTEM, Setting, Space, cell
from flows.sweep.trial import Trial
from flows.sweep.workspace import BASE, PARAMS, SWEEPS


class Plan:
    """A sweep's code and stages, as they stood when it was started: what is edited meanwhile changes no trial."""

    def __init__(self, sweep: Sweep, space: Space, root: Path) -> None:
        self._sweep, self._space = sweep, space
        self.base = SWEEPS / sweep.name / BASE
        shutil.rmtree(self.base, ignore_errors=True)
        outs = {out for stage in dag.read(root) for out in stage.outs} if not (root / ".git").exists() else set()
        workspace.copy(root, self.base, outs=outs)
        axes = {"axes.dataset": list(space.datasets), "axes.system": list(space.systems)}
        workspace.set_params(self.base / PARAMS, axes)
        self._params: dict[str, Any] = load_yaml(str(self.base / PARAMS))
        self._stages = dag.read(self.base)
        self._digests: dict[tuple[str, ...], str] = {}

    @property
    def seed(self) -> int:
        """The first seed: the workspace's own."""
        return int(self._params.get("seed", 0))

    @property
    def common(self) -> dict[str, Any]:
        """Return what all trials have in common, by its path in params.yaml: with other values it is another sweep."""
        read = self._read([stage for stage in self._stages if stage.cell])
        varied = {dimension.path for dimension in self._sweep.space}
        return {path: value for path, value in _flat(read) if path not in varied and not path.startswith("axes.")}

    @property
    def code(self) -> dict[str, str]:
        """Return a digest of what the trials of each data set and system are made of."""
        cells = [{DATASET: name, SYSTEM: system} for name in self._space.datasets for system in self._space.systems]
        return {cell(one): self._digest(self._code(self._own(one))) for one in cells}

    def trial(self, number: int, setting: Setting, *, seed: int) -> Trial:
        """Say all that a machine must know to run a setting with a seed."""
        values: dict[str, Choice] = {path: value for path, value in setting.items() if path not in {DATASET, SYSTEM}}
        own = self._own(setting)
        shared = list(self._above(own))
        code = self._code(own)
        return Trial(
            sweep=self._sweep.name,
            number=number,
            seed=seed,
            dataset=str(setting[DATASET]),
            system=str(setting[SYSTEM]),
            values=values,
            params=self._read([*shared, *own]),
            datasets_tried=len(self._space.datasets),
            shared=[stage.name for stage in shared],
            stages=[stage.name for stage in own],
            inputs=self._inputs(shared, values | {"seed": seed}),
            code=list(code),
            digest=self._digest(code),
            curve=self._sweep.pruner.metric if self._sweep.pruner else None,
            gpus=self._sweep.gpus,
            max_concurrent=self._sweep.max_concurrent,
        )

    def _own(self, setting: Setting) -> list[dag.Stage]:
        cell = {DATASET: setting[DATASET], SYSTEM: setting[SYSTEM]}
        own = [stage for stage in self._stages if stage.cell == cell]
        if not own:
            raise SweepError(f"no stage of {dag.FILE} has a matrix of dataset and system, so that nothing is a trial")
        return own

    def _code(self, own: Sequence[dag.Stage]) -> tuple[str, ...]:
        """Return the files and folders that these stages and those above them are made of."""
        return tuple(sorted({dag.FILE, *(path for stage in (*self._above(own), *own) for path in stage.code)}))

    def _above(self, own: Sequence[dag.Stage]) -> Iterator[dag.Stage]:
        """Give what these stages read, directly or not, in its order."""
        names = {name for stage in own for name in stage.upstream}
        for stage in reversed(self._stages):
            if stage.name in names:
                names.update(stage.upstream)
        mine = {stage.name for stage in own}
        return (stage for stage in self._stages if stage.name in names and stage.name not in mine)

    def _inputs(self, shared: Sequence[dag.Stage], values: dict[str, Any]) -> str:
        """Name what the shared stages depend on, so that trials that agree in it share them."""
        wanted = {path for stage in shared for path in stage.params}
        given = {path: value for path, value in values.items() if any(_within(path, one) for one in wanted)}
        code = self._digest(tuple(sorted({path for stage in shared for path in stage.code})))
        return json.dumps([[stage.name for stage in shared], given, code], sort_keys=True)

    def _read(self, stages: Sequence[dag.Stage]) -> dict[str, Any]:
        """Take out of params.yaml what these stages read, as it stood when the sweep was started."""
        wanted = sorted({path for stage in stages for path in stage.params})
        return {path: value for path in wanted for value in _at(self._params, path)}

    def _digest(self, code: tuple[str, ...]) -> str:
        if code not in self._digests:
            self._digests[code] = workspace.digest(self.base, code)
        return self._digests[code]


def _at(params: Any, path: str) -> list[Any]:
    """Give the value at a path, or nothing."""
    for key in path.split("."):
        if not isinstance(params, Mapping) or key not in params:
            return []
        params = params[key]
    return [params]


def _flat(params: Mapping[str, Any], *, below: str = "") -> Iterator[tuple[str, Any]]:
    """Give every value with its path."""
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, below=f"{below}{key}.")
        else:
            yield f"{below}{key}", value


def _within(path: str, section: str) -> bool:
    return f"{path}.".startswith(f"{section}.") or f"{section}.".startswith(f"{path}.")
