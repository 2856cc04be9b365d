"""Which training runs next: the trials of a sweep with their seeds, retries and pruning. No Prefect here."""

import json
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dvc.utils.serialize import load_yaml

from flows import dag
from flows.exceptions import ConnectionLostError, StoppedError, SweepError
from flows.sweep import workspace
from flows.sweep.config import Choice, Sweep
from flows.sweep.curve import Point
from flows.sweep.space import DATASET, SYSTEM, Setting, Space
from flows.sweep.study import Study
from flows.sweep.trial import Trial, TrialJob
from flows.sweep.workspace import BASE, PARAMS, SWEEPS


class TrialSeed(NamedTuple):
    """One training: a trial with one of its seeds."""

    number: int
    seed: int


class TrialScheduler:
    """Hands out trainings: every trial with every seed, failed ones again, until the study is complete.

    With pruning, a trial's first seed trains alone; the others follow if it is not pruned.
    """

    def __init__(self, sweep: Sweep, study: Study, *, seed: int, log: Callable[[str], object]) -> None:
        self._sweep, self._study, self._log = sweep, study, log
        self._seeds = range(seed, seed + sweep.seeds)
        self._queue: deque[TrialSeed] = deque()
        self._later: dict[int, list[TrialSeed]] = {}
        self._failures: Counter[TrialSeed] = Counter()
        self._closed: set[int] = set()

    def next(self) -> TrialSeed | None:
        """Return what to train next; None if all is done or running."""
        while not self._queue:
            number = self._study.next()
            if number is None:
                return None
            done = self._study.results(number)
            trainings = [TrialSeed(number, seed) for seed in self._seeds if seed not in done]
            first = 1 if self._sweep.pruner else len(trainings)
            self._queue.extend(trainings[:first])
            self._later[number] = trainings[first:]
        return self._queue.popleft()

    def should_prune(self, training: TrialSeed, points: list[Point]) -> bool:
        """Store new points of a running training's curve, and return whether to stop it; the first seed decides."""
        if not points or training.seed != self._seeds[0]:
            return False
        try:
            return self._study.report(training.number, points)
        except (ConnectionLostError, StoppedError):  # of the study's database, which the sweep itself will see
            return False

    def finish(self, job: TrialJob) -> None:
        """Store what became of a training, and queue what follows."""
        training = TrialSeed(job.trial.number, job.trial.seed)
        if training.number in self._closed:
            return
        if job.result is not None:
            self._complete(job)
        elif job.pruned:
            self._log(f"{job.trial.name} is worse than others and was pruned")
            self._study.prune(training.number)
            self._close(training.number)
        else:
            self._retry_or_fail(training, job.reason)

    def _complete(self, job: TrialJob) -> None:
        number = job.trial.number
        assert job.result
        try:
            self._study.add(number, job.trial.seed, job.result)
        except SweepError as error:
            self._fail(number, str(error))
            return
        metrics = [objective.metric for objective in self._sweep.objectives]
        values = ", ".join(f"{metric} {job.result.values[metric]:.4g}" for metric in metrics)
        self._log(f"{job.trial.name} has {values}")
        self._queue.extend(self._later.pop(number, []))

    def _retry_or_fail(self, training: TrialSeed, reason: str) -> None:
        self._failures[training] += 1
        if self._failures[training] > self._sweep.retries:
            self._fail(training.number, reason)
            return
        self._log(f"trial {training.number} with seed {training.seed} is retried: {reason}")
        self._queue.append(training)

    def _fail(self, number: int, reason: str) -> None:
        self._log(f"trial {number} failed: {reason}")
        self._study.fail(number, reason)
        self._close(number)

    def _close(self, number: int) -> None:
        self._closed.add(number)
        self._queue = deque(training for training in self._queue if training.number != number)


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
        axes = {"axes.dataset": list(space.datasets), "axes.system": list(space.systems)}
        workspace.set_params(self.base / PARAMS, axes)
        self._params: dict[str, Any] = load_yaml(str(self.base / PARAMS))
        self._stages = dag.read(self.base)
        self._digests: dict[tuple[str, ...], str] = {}

    @property
    def seed(self) -> int:
        """Return the first seed: the workspace's own."""
        return int(self._params.get("seed", 0))

    @property
    def identity(self) -> dict[str, Any]:
        """Return what all trials have in common: parameters by path, and the digest of each cell's code as `code`.

        A sweep with another identity needs another name.
        """
        params = workspace.flat(self._read([stage for stage in self._stages if stage.cell]))
        varied = {dimension.path for dimension in self._sweep.space}
        shared = {path: value for path, value in params if path not in varied and not path.startswith("axes.")}
        cells = self._space.cells()
        return shared | {
            "code": {f"{cell[DATASET]}/{cell[SYSTEM]}": self._digest(self._code(self._own(cell))) for cell in cells}
        }

    def build(self, number: int, setting: Setting, *, seed: int) -> Trial:
        """Make the trial of a setting with a seed."""
        values: dict[str, Choice] = {path: value for path, value in setting.items() if path not in {DATASET, SYSTEM}}
        own = self._own(setting)
        shared = self._upstream(own)
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
            pruning_metric=self._sweep.pruner.metric if self._sweep.pruner else None,
            gpus=self._sweep.gpus,
            max_concurrent=self._sweep.max_concurrent,
        )

    def _own(self, setting: Setting) -> list[dag.Stage]:
        cell = {DATASET: setting[DATASET], SYSTEM: setting[SYSTEM]}
        own = [stage for stage in self._stages if stage.cell == cell]
        if not own:
            raise SweepError(f"no stage of {dag.FILE} has a matrix of dataset and system, so that nothing is a trial")
        return own

    def _upstream(self, own: Sequence[dag.Stage]) -> list[dag.Stage]:
        """Return what these stages read, directly or not, in the DAG's order."""
        names = {name for stage in own for name in stage.upstream}
        for stage in reversed(self._stages):
            if stage.name in names:
                names.update(stage.upstream)
        names -= {stage.name for stage in own}
        return [stage for stage in self._stages if stage.name in names]

    def _code(self, own: Sequence[dag.Stage]) -> tuple[str, ...]:
        """Return the files and folders that these stages and those upstream depend on."""
        return tuple(sorted({dag.FILE, *(path for stage in (*self._upstream(own), *own) for path in stage.code)}))

    def _inputs(self, shared: Sequence[dag.Stage], values: Mapping[str, Any]) -> str:
        """Identify what the shared stages depend on: trials that agree in it share them."""
        read = {path for stage in shared for path in stage.params}
        params = {path: value for path, value in values.items() if any(_overlap(path, section) for section in read)}
        code = self._digest(tuple(sorted({path for stage in shared for path in stage.code})))
        return json.dumps([[stage.name for stage in shared], params, code], sort_keys=True)

    def _read(self, stages: Sequence[dag.Stage]) -> dict[str, Any]:
        """Return what these stages read of params.yaml, by path."""
        paths = sorted({path for stage in stages for path in stage.params})
        return {path: value for path in paths for value in _lookup(self._params, path)}

    def _digest(self, code: tuple[str, ...]) -> str:
        if code not in self._digests:
            self._digests[code] = workspace.digest(self.base, code)
        return self._digests[code]


def _lookup(params: Any, path: str) -> Iterator[Any]:
    """Yield the value at a path, if there is one."""
    for key in path.split("."):
        if not isinstance(params, Mapping) or key not in params:
            return
        params = params[key]
    yield params


def _overlap(path: str, section: str) -> bool:
    return f"{path}.".startswith(f"{section}.") or f"{section}.".startswith(f"{path}.")
