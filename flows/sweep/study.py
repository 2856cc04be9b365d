"""The Optuna study of a sweep: every trial is stored as soon as anything is known of it.

A trial that was running when its sweep was killed is run again under its number, and so in its workspace.
"""

import json
import logging
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import optuna
from optuna.exceptions import StorageInternalError
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError

from flows.exceptions import SweepError
from flows.retry import TIMEOUT_S, retry
from flows.sweep.config import Direction, Sweep
from flows.sweep.curve import Point
from flows.sweep.space import Setting, Space, to_optuna
from flows.sweep.trial import TrialResult, finite
from flows.sweep.workspace import SWEEPS

DATABASE = "SMIS_STUDIES"
"""The environment variable with the address of a database that several machines or workspaces share."""
_IDENTITY, _SETTING, _SEED, _REASON, _PRUNED_AT = "sweep", "setting", "seed-", "why", "pruned_at"
_RETRY_OF, _ID = "again", "id"
_MAY_CHANGE = {"trials", "max_concurrent", "retries", "executor", "gpus", "heartbeat_timeout_s"}
_TIMEOUTS = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 5}
"""When PostgreSQL's client gives up a server that is silent: by default, after many minutes."""
T = TypeVar("T")

optuna.logging.set_verbosity(logging.WARNING)


class DatabaseOutageError(Exception):
    """The database of studies does not answer."""


class Study:
    """Which settings were tried, which comes next, and what became of each.

    Each method is idempotent and is repeated while the database is away.
    """

    def __init__(
        self,
        sweep: Sweep,
        space: Space,
        identity: Mapping[str, Any] | None = None,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Create the study, or resume it.

        Args:
            sweep: The options.
            space: The settings to try.
            identity: What all trials have in common, such as other parameters and the digest of the code.
            should_stop: Whether the sweep has stopped, so that nothing waits for the database any more.
            timeout_s: Seconds for which the database may be away.

        Raises:
            SweepError: if the name belongs to a sweep with other options or another identity.
        """
        self._sweep, self._space = sweep, space
        self._should_stop, self._timeout_s = should_stop, timeout_s
        self._handed_out: set[int] = set()
        self._directions: list[Direction] = [objective.direction for objective in sweep.objectives]
        create = partial(optuna.create_study, storage=open_storage(), study_name=sweep.name, pruner=_pruner(sweep))
        self._study = self._retry(lambda: create(directions=self._directions, load_if_exists=True))
        self._retry(lambda: self._check_identity(identity or {}))
        # Another seed each time: a resumed sampler would otherwise draw the same settings again.
        self._study.sampler = _sampler(sweep, seed=len(self.trials))
        self._retry(self._enqueue_failed)
        if sweep.sampler == "grid":
            self._retry(self._enqueue_grid)

    @property
    def id(self) -> str:
        """Distinguish this study from one of the same name in another database."""
        return self._retry(self._read_id)

    @property
    def trials(self) -> list[FrozenTrial]:
        """Return all trials by number."""
        return self._retry(lambda: self._study.get_trials(deepcopy=False))

    def snapshot(self) -> optuna.Study:
        """Return a copy in memory, for what only reads."""
        copy = optuna.create_study(study_name=self._sweep.name, directions=self._directions)
        copy.add_trials(self.trials)
        return copy

    def next(self) -> int | None:
        """Return the number of the next trial: first those that a killed sweep left running, then new ones."""
        return self._retry(self._next)

    def setting(self, number: int) -> Setting:
        """Return a trial's data set, system and values."""
        return setting(self.trials[number])

    def results(self, number: int) -> dict[int, TrialResult]:
        """Return a trial's results by seed."""
        return results(self.trials[number])

    def add(self, number: int, seed: int, result: TrialResult) -> None:
        """Store the result of one seed of a trial; with the last seed, the trial is complete.

        Raises:
            SweepError: if an objective is missing.
        """
        values = finite(result.values)
        for objective in self._sweep.objectives:
            if objective.metric not in values:
                measured = ", ".join(values) or "none"
                raise SweepError(f"{objective.metric} was not measured, or is not finite; there are: {measured}")
        self._retry(lambda: self._add(number, seed, asdict(result) | {"values": values}))

    def fail(self, number: int, reason: str) -> None:
        """Store that a trial has failed for good."""
        self._retry(lambda: self._tell(number, TrialState.FAIL, {_REASON: reason}))

    def prune(self, number: int) -> None:
        """Store that a trial was stopped early."""
        step = max(self.trials[number].intermediate_values)
        self._retry(lambda: self._tell(number, TrialState.PRUNED, {_PRUNED_AT: step}))

    def report(self, number: int, points: Sequence[Point]) -> bool:
        """Store new points of a trial's curve; return whether to prune it."""
        return self._retry(lambda: self._report(number, points))

    def _retry(self, call: Callable[[], T]) -> T:
        return retry(
            lambda: _raise_outage(call),
            is_outage=lambda error: isinstance(error, DatabaseOutageError),
            server="the database of studies",
            should_stop=self._should_stop,
            timeout_s=self._timeout_s,
        )

    def _read_id(self) -> str:
        if _ID not in self._study.user_attrs:
            self._study.set_user_attr(_ID, uuid4().hex[:8])
        return self._study.user_attrs[_ID]

    def _next(self) -> int | None:
        trials = self._study.get_trials(deepcopy=False)
        running = [trial.number for trial in trials if trial.state == TrialState.RUNNING]
        left = [number for number in running if number not in self._handed_out and not self._complete(number)]
        if not left:
            waiting = any(trial.state == TrialState.WAITING for trial in trials)
            if not waiting and (self._sweep.sampler == "grid" or len(last_tries(trials)) >= self._sweep.trials):
                return None
            left = [self._study.ask().number]
        trial = self._trial(left[0])
        trial.set_user_attr(_SETTING, self._space.suggest(trial))
        self._handed_out.add(left[0])
        return left[0]

    def _add(self, number: int, seed: int, result: Mapping[str, Any]) -> None:
        trial = self._study.get_trials(deepcopy=False)[number]
        if trial.state.is_finished():
            return
        self._trial(number).set_user_attr(f"{_SEED}{seed}", result)
        self._complete(number)

    def _complete(self, number: int) -> bool:
        """Complete a trial if it has the results of all seeds; return whether it has."""
        stored = results(self._study.get_trials(deepcopy=False)[number]).values()
        if len(stored) < self._sweep.seeds:
            return False
        metrics = [objective.metric for objective in self._sweep.objectives]
        means = [statistics.fmean(result.values[metric] for result in stored) for metric in metrics]
        self._study.tell(number, means, skip_if_finished=True)
        return True

    def _tell(self, number: int, state: TrialState, attributes: Mapping[str, Any]) -> None:
        if self._study.get_trials(deepcopy=False)[number].state.is_finished():
            return
        for name, value in attributes.items():
            self._trial(number).set_user_attr(name, value)
        self._study.tell(number, state=state, skip_if_finished=True)

    def _report(self, number: int, points: Sequence[Point]) -> bool:
        assert self._sweep.pruner
        sign = 1 if self._sweep.pruner.direction == self._sweep.objectives[0].direction else -1
        trial = self._trial(number)
        known = self._study.get_trials(deepcopy=False)[number].intermediate_values
        for step, value in points:
            if step not in known:
                trial.report(sign * value, step)
        return bool(points) and trial.should_prune()

    def _trial(self, number: int) -> optuna.Trial:
        return optuna.Trial(self._study, self._study.get_trials(deepcopy=False)[number]._trial_id)

    def _check_identity(self, identity: Mapping[str, Any]) -> None:
        now = self._sweep.model_dump(mode="json", exclude=_MAY_CHANGE)
        now |= {"systems": list(self._space.systems), "datasets": list(self._space.datasets), **identity}
        before = self._study.user_attrs.get(_IDENTITY, now)
        changed = [name for name in now | before if before.get(name) != now.get(name)]
        if changed == ["code"]:
            cells = sorted(cell for cell, digest in now["code"].items() if before["code"].get(cell) != digest)
            raise SweepError(
                f"sweep {now['name']} was started with other code for {', '.join(cells)}, whose trials do not "
                "compare; choose another name, or go back to that code"
            )
        if changed:
            values = ", ".join(f"{name} {before.get(name)}" for name in changed if name != "code")
            raise SweepError(
                f"sweep {now['name']} was started with other {', '.join(changed)}; choose another name, "
                f"or go back to the values of then: {values}"
            )
        self._study.set_user_attr(_IDENTITY, now)

    def _enqueue_failed(self) -> None:
        """Queue trials that failed in an earlier run of the sweep: their cause may have been removed."""
        for trial in last_tries(self._study.get_trials(deepcopy=False)):
            if trial.state == TrialState.FAIL:
                attributes = {_RETRY_OF: trial.number, _SETTING: setting(trial)}
                self._study.enqueue_trial(trial.params, user_attrs=attributes)

    def _enqueue_grid(self) -> None:
        known = {_key(setting(trial)) for trial in self._study.get_trials(deepcopy=False)}
        for candidate in self._space.grid():
            if _key(candidate) not in known:
                params = {path: to_optuna(value) for path, value in candidate.items()}
                self._study.enqueue_trial(params, user_attrs={_SETTING: candidate})


def results(trial: FrozenTrial) -> dict[int, TrialResult]:
    """Return a trial's results by seed."""
    stored = {name: value for name, value in trial.user_attrs.items() if name.startswith(_SEED)}
    return {int(name.removeprefix(_SEED)): TrialResult.load(value) for name, value in stored.items()}


def last_tries(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Leave out trials that failed and were queued again under another number."""
    repeated = {trial.user_attrs.get(_RETRY_OF) for trial in trials}
    return [trial for trial in trials if trial.number not in repeated]


def reason(trial: FrozenTrial) -> str:
    """Return why a trial failed, or the step at which it was pruned."""
    step = trial.user_attrs.get(_PRUNED_AT)
    return trial.user_attrs.get(_REASON, "") if step is None else f"pruned at step {step}"


def setting(trial: FrozenTrial) -> Setting:
    """Return a trial's data set, system and values."""
    return trial.user_attrs.get(_SETTING, {})


def load(name: str) -> optuna.Study:
    """Open the study of an existing sweep.

    Raises:
        SweepError: if there is none.
    """
    storage = open_storage()
    names = optuna.get_all_study_names(storage)
    if name not in names:
        raise SweepError(f"there is no sweep {name!r}; there are: {', '.join(sorted(names)) or 'none'}")
    return optuna.load_study(study_name=name, storage=storage)


def open_storage() -> RDBStorage:
    """Open the database that `$SMIS_STUDIES` names, or the workspace's own SQLite file.

    Raises:
        SweepError: if there is no database at that address.
    """
    address = os.environ.get(DATABASE)
    if not address:
        SWEEPS.mkdir(parents=True, exist_ok=True)
        # Concurrent sweeps wait for one another's writes.
        return RDBStorage(f"sqlite:///{SWEEPS / 'studies.db'}", engine_kwargs={"connect_args": {"timeout": 60}})
    timeouts = _TIMEOUTS if address.startswith("postgresql") else {}
    try:
        return RDBStorage(address, engine_kwargs={"pool_pre_ping": True, "connect_args": timeouts})
    except (DBAPIError, ArgumentError, NoSuchModuleError, ImportError, StorageInternalError, RuntimeError) as error:
        raise SweepError(
            f"the database that {DATABASE} names does not open ({_message(error)}); "
            "an address is like postgresql+psycopg2://USER:PASSWORD@HOST:5432/optuna"
        ) from None


def _raise_outage(call: Callable[[], T]) -> T:
    try:
        return call()
    except (StorageInternalError, OperationalError, InterfaceError) as error:
        if _is_outage(error):
            raise DatabaseOutageError(_message(error)) from error
        raise


def _is_outage(error: BaseException | None) -> bool:
    if isinstance(error, StorageInternalError):
        return _is_outage(error.__cause__)
    return isinstance(error, OperationalError | InterfaceError)


def _message(error: BaseException) -> str:
    """Return the database's own first line, without SQLAlchemy's words around it."""
    while isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _key(setting: Setting) -> str:
    return json.dumps(setting, sort_keys=True)


def _sampler(sweep: Sweep, *, seed: int) -> BaseSampler:
    return TPESampler(seed=seed) if sweep.sampler == "tpe" else RandomSampler(seed=seed)


def _pruner(sweep: Sweep) -> BasePruner:
    if sweep.pruner is None:
        return NopPruner()
    if sweep.pruner.method == "successive_halving":
        return SuccessiveHalvingPruner()
    return MedianPruner(n_startup_trials=sweep.pruner.startup_trials, n_warmup_steps=sweep.pruner.warmup_steps)
