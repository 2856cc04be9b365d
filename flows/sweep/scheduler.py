"""Which training runs next: the trials of a sweep with their seeds, retries and pruning. No Prefect here."""

import json
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from dvc.utils.flatten import flatten
from dvc.utils.serialize import load_yaml

from flows import dag
from flows.exceptions import ConnectionLostError, StoppedError, SweepError
from flows.sweep import workspace
from flows.sweep.config import Choice, Sweep
from flows.sweep.space import DATASET, SEED, SYSTEM, Setting, Space
from flows.sweep.study import Study, results
from flows.sweep.trial import Point, Trial, TrialJob, TrialResult
from flows.sweep.workspace import BASE, PARAMS, SWEEPS


class TrialScheduler:
    """Hands out trainings: every trial with every seed, failed ones again, until the study is complete.

    With pruning, a trial's first seed trains alone; the others follow if it is not pruned.
    """

    def __init__(self, sweep: Sweep, study: Study, builder: "TrialBuilder", *, log: Callable[[str], object]) -> None:
        self._sweep, self._study, self._builder, self._log = sweep, study, builder, log
        self._seeds = builder.seeds
        self._queue: deque[Trial] = deque()
        self._failures: Counter[str] = Counter()

    def next(self) -> Trial | None:
        """Return what to train next; None if all is done or running."""
        while not self._queue:
            number = self._study.next()
            if number is None:
                return None
            self._queue_seeds(number)
        return self._queue.popleft()

    def should_prune(self, trial: Trial, points: list[Point]) -> bool:
        """Store new points of a running training's curve, and return whether to stop it; the first seed decides."""
        if trial.seed != self._seeds[0]:
            return False
        try:
            return self._study.report(trial.number, points)
        except (ConnectionLostError, StoppedError):  # of the study's database, which the sweep itself will see
            return False

    def finish(self, job: TrialJob) -> None:
        """Store what became of a training, and queue what follows."""
        trial = job.trial
        if self._study.is_finished(trial.number):
            return
        if job.result is not None:
            self._complete(trial, job.result)
        elif job.pruned:
            self._log(f"{trial.name} is worse than others and was pruned")
            self._study.prune(trial.number)
            self._drop_seeds(trial.number)
        else:
            self._retry_or_fail(trial, job.reason)

    def _queue_seeds(self, number: int) -> None:
        done, setting = results(self._study.trials[number]), self._study.setting(number)
        left = [self._builder.build(number, setting, seed=seed) for seed in self._seeds if seed not in done]
        alone = self._sweep.pruner and self._seeds[0] not in done
        self._queue.extend(left[:1] if alone else left)

    def _drop_seeds(self, number: int) -> None:
        self._queue = deque(trial for trial in self._queue if trial.number != number)

    def _complete(self, trial: Trial, result: TrialResult) -> None:
        try:
            self._study.add(trial.number, trial.seed, result)
        except SweepError as error:
            self._fail(trial.number, str(error))
            return
        metrics = [objective.metric for objective in self._sweep.objectives]
        self._log(f"{trial.name} has {', '.join(f'{metric} {result.values[metric]:.4g}' for metric in metrics)}")
        if self._sweep.pruner and trial.seed == self._seeds[0]:
            self._queue_seeds(trial.number)

    def _retry_or_fail(self, trial: Trial, reason: str) -> None:
        self._failures[trial.name] += 1
        if self._failures[trial.name] > self._sweep.retries:
            self._fail(trial.number, reason)
            return
        self._log(f"trial {trial.number} with seed {trial.seed} is retried: {reason}")
        self._queue.append(trial)

    def _fail(self, number: int, reason: str) -> None:
        self._log(f"trial {number} failed: {reason}")
        self._study.fail(number, reason)
        self._drop_seeds(number)


class TrialBuilder:
    """Makes trials from settings, with code and parameters as they were when the sweep was started.

    Editing the workspace meanwhile changes no trial: they copy the sweep's own copy.
    """

    def __init__(self, sweep: Sweep, space: Space, root: Path) -> None:
        self._sweep, self._space = sweep, space
        self.base = SWEEPS / sweep.name / BASE
        shutil.rmtree(self.base, ignore_errors=True)
        outs = {out for stage in dag.read(root) for out in stage.outs} if not (root / ".git").exists() else set()
        workspace.copy(root, self.base, outs=outs)
        self.seeds = _seeds(load_yaml(str(self.base / PARAMS)).get("axes", {}).get(SEED, [0]), sweep.seeds)
        """Those of the workspace's axis, then those after its largest."""
        axes = {"axes.dataset": list(space.datasets), "axes.system": list(space.systems), "axes.seed": self.seeds}
        workspace.set_params(self.base / PARAMS, axes)
        self._params: dict[str, Any] = load_yaml(str(self.base / PARAMS))
        self._stages = dag.read(self.base)
        self._digest = cache(partial(workspace.digest, self.base))

    @property
    def identity(self) -> dict[str, Any]:
        """Return what all trials have in common: parameters by path, and the digest of each cell's code as `code`.

        A sweep with another identity needs another name.
        """
        params = flatten(self._read([stage for stage in self._stages if stage.cell]))
        varied = {dimension.path for dimension in self._sweep.space}
        shared = {path: value for path, value in params.items() if path not in varied and not path.startswith("axes.")}
        first = self.seeds[0]
        codes = {
            f"{cell[DATASET]}/{cell[SYSTEM]}": _code(*self._split(cell, seed=first)) for cell in self._space.cells()
        }
        return shared | {SEED: first, "code": {name: self._digest(code) for name, code in codes.items()}}

    def build(self, number: int, setting: Setting, *, seed: int) -> Trial:
        """Make the trial of a setting with a seed."""
        values: dict[str, Choice] = {path: value for path, value in setting.items() if path not in {DATASET, SYSTEM}}
        shared, own = self._split(setting, seed=seed)
        code = _code(shared, own)
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
            inputs=self._inputs(shared, values),
            code=list(code),
            digest=self._digest(code),
            pruning_metric=self._sweep.pruner.metric if self._sweep.pruner else None,
            gpus=self._sweep.gpus,
            max_concurrent=self._sweep.max_concurrent,
        )

    def _split(self, setting: Setting, *, seed: int) -> tuple[list[dag.Stage], list[dag.Stage]]:
        """Return what the stages of a cell read, directly or not, and those stages, in the DAG's order."""
        cell = {DATASET: setting[DATASET], SYSTEM: setting[SYSTEM], SEED: str(seed)}
        own = [stage for stage in self._stages if stage.cell == cell]
        if not own:
            raise SweepError(
                f"no stage of {dag.FILE} has a matrix of dataset, system and seed, so that nothing is a trial"
            )
        names = {name for stage in own for name in stage.upstream}
        for stage in reversed(self._stages):
            if stage.name in names:
                names.update(stage.upstream)
        return [stage for stage in self._stages if stage.name in names and stage not in own], own

    def _inputs(self, shared: Sequence[dag.Stage], values: Mapping[str, Any]) -> str:
        """Identify what the shared stages depend on: trials that agree in it share them."""
        read = {path for stage in shared for path in stage.params}
        params = {path: value for path, value in values.items() if any(_overlap(path, section) for section in read)}
        return json.dumps([[stage.name for stage in shared], params, self._digest(_code(shared))], sort_keys=True)

    def _read(self, stages: Sequence[dag.Stage]) -> dict[str, Any]:
        """Return what these stages read of params.yaml, by path."""
        paths = sorted({path for stage in stages for path in stage.params})
        return {path: value for path in paths for value in _lookup(self._params, path)}


def _code(*stages: Sequence[dag.Stage]) -> tuple[str, ...]:
    """Return the files and folders that stages depend on, and the DAG's own."""
    return tuple(sorted({dag.FILE, *(path for stage in chain(*stages) for path in stage.code)}))


def _seeds(axis: Sequence[int], count: int) -> list[int]:
    """Return the first seeds of an axis, continued by the numbers after its largest."""
    return [*axis[:count], *range(max(axis) + 1, max(axis) + 1 + count - len(axis))]


def _lookup(params: Any, path: str) -> Iterator[Any]:
    """Yield the value at a path, if there is one."""
    for key in path.split("."):
        if not isinstance(params, Mapping) or key not in params:
            return
        params = params[key]
    yield params


def _overlap(path: str, section: str) -> bool:
    return f"{path}.".startswith(f"{section}.") or f"{section}.".startswith(f"{path}.")
