"""The Optuna study of a sweep: every trial is stored as soon as anything is known of it.

A trial that was running when its sweep was killed is run again under its number, and so in its workspace.
"""

import json
import logging
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import optuna
from optuna.exceptions import StorageInternalError
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from flows.addresses import sqlite_uri, without_credentials
from flows.exceptions import SweepError
from flows.retry import TIMEOUT_S, retry
from flows.sweep.config import Direction, Sweep
from flows.sweep.space import Setting, Space, to_optuna
from flows.sweep.trial import Point, TrialResult
from flows.sweep.workspace import SWEEPS

DATABASE = "SMIS_STUDIES"
"""The environment variable with the address of a database that several machines or workspaces share."""
_IDENTITY, _SETTING, _SEED, _REASON, _PRUNED_AT = "sweep", "setting", "seed-", "why", "pruned_at"
_RETRY_OF, _ID = "again", "id"
_MAY_CHANGE = {"trials", "max_concurrent", "retries", "executor", "gpus", "heartbeat_timeout_s"}
_TIMEOUTS = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 5}
"""When PostgreSQL's client gives up a server that is silent: by default, after many minutes."""
P = ParamSpec("P")
T = TypeVar("T")

_REMEDY = (
    "an address is like postgresql+psycopg2://USER:PASSWORD@HOST:5432/optuna; "
    "in a user or password, / is %2F, @ is %40, # is %23, ? is %3F"
)

optuna.logging.set_verbosity(logging.WARNING)


def _repeated(method: Callable[Concatenate["Study", P], T]) -> Callable[Concatenate["Study", P], T]:
    """Repeat an idempotent method while the database is away."""

    @wraps(method)
    def call(self: "Study", *args: P.args, **kwargs: P.kwargs) -> T:
        def attempt() -> T:
            try:
                return method(self, *args, **kwargs)
            except (StorageInternalError, OperationalError, InterfaceError) as error:
                if isinstance(_cause(error), OperationalError | InterfaceError):
                    raise ConnectionError(_message(error)) from error
                raise

        return retry(
            attempt,
            is_outage=lambda error: isinstance(error, ConnectionError),
            server="the database of studies",
            should_stop=self.should_stop,
            timeout_s=self.timeout_s,
        )

    return call


class Study:
    """Which settings were tried, which comes next, and what became of each."""

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
            identity: What all trials have in common, such as other parameters and the digest of the code.
            should_stop: Whether the sweep has stopped, so that nothing waits for the database any more.
            timeout_s: Seconds for which the database may be away.

        Raises:
            SweepError: if the name belongs to a sweep with other options or another identity.
        """
        self._sweep, self._space = sweep, space
        self.should_stop, self.timeout_s = should_stop, timeout_s
        self._handed_out: set[int] = set()
        self._directions: list[Direction] = [objective.direction for objective in sweep.objectives]
        self._open(identity or {})

    @property
    @_repeated
    def id(self) -> str:
        """Distinguish this study from one of the same name in another database."""
        if _ID not in self._study.user_attrs:
            self._study.set_user_attr(_ID, uuid4().hex[:8])
        return self._study.user_attrs[_ID]

    @property
    @_repeated
    def trials(self) -> list[FrozenTrial]:
        """Return all trials by number."""
        return self._study.get_trials(deepcopy=False)

    def snapshot(self) -> optuna.Study:
        """Return a copy in memory, for what only reads."""
        copy = optuna.create_study(study_name=self._sweep.name, directions=self._directions)
        copy.add_trials(self.trials)
        return copy

    @_repeated
    def next(self) -> int | None:
        """Return the number of the next trial: first those that a killed sweep left running, then new ones."""
        trials = self.trials
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

    def setting(self, number: int) -> Setting:
        """Return a trial's data set, system and values."""
        return setting(self.trials[number])

    def is_finished(self, number: int) -> bool:
        """Return whether a trial is complete, pruned, or has failed for good."""
        return self.trials[number].state.is_finished()

    @_repeated
    def add(self, number: int, seed: int, result: TrialResult) -> None:
        """Store the result of one seed of a trial; with the last seed, the trial is complete.

        Raises:
            SweepError: if an objective is missing.
        """
        for objective in self._sweep.objectives:
            if objective.metric not in result.values:
                measured = ", ".join(result.values) or "none"
                raise SweepError(f"{objective.metric} was not measured, or is not finite; there are: {measured}")
        if not self.is_finished(number):
            self._trial(number).set_user_attr(f"{_SEED}{seed}", asdict(result))
            self._complete(number)

    def fail(self, number: int, reason: str) -> None:
        """Store that a trial has failed for good."""
        self._end(number, TrialState.FAIL, {_REASON: reason})

    def prune(self, number: int) -> None:
        """Store that a trial was stopped early."""
        self._end(number, TrialState.PRUNED, {_PRUNED_AT: max(self.trials[number].intermediate_values)})

    @_repeated
    def report(self, number: int, points: Sequence[Point]) -> bool:
        """Store new points of a trial's curve; return whether to prune it."""
        assert self._sweep.pruner
        sign = 1 if self._sweep.pruner.direction == self._sweep.objectives[0].direction else -1
        trial, known = self._trial(number), self.trials[number].intermediate_values
        for step, value in points:
            if step not in known:
                trial.report(sign * value, step)
        return bool(points) and trial.should_prune()

    @_repeated
    def _open(self, identity: Mapping[str, Any]) -> None:
        self._study = optuna.create_study(
            study_name=self._sweep.name,
            directions=self._directions,
            pruner=_pruner(self._sweep),
            storage=open_storage(),
            load_if_exists=True,
        )
        self._check_identity(identity)
        # Another seed each time: a resumed sampler would otherwise draw the same settings again.
        seed = len(self.trials)
        self._study.sampler = TPESampler(seed=seed) if self._sweep.sampler == "tpe" else RandomSampler(seed=seed)
        self._enqueue_failed()
        if self._sweep.sampler == "grid":
            self._enqueue_grid()

    def _complete(self, number: int) -> bool:
        """Complete a trial if it has the results of all seeds; return whether it has."""
        stored = results(self.trials[number]).values()
        if len(stored) < self._sweep.seeds:
            return False
        metrics = [objective.metric for objective in self._sweep.objectives]
        means = [statistics.fmean(result.values[metric] for result in stored) for metric in metrics]
        self._study.tell(number, means, skip_if_finished=True)
        return True

    @_repeated
    def _end(self, number: int, state: TrialState, attributes: Mapping[str, Any]) -> None:
        if self.is_finished(number):
            return
        for name, value in attributes.items():
            self._trial(number).set_user_attr(name, value)
        self._study.tell(number, state=state, skip_if_finished=True)

    def _trial(self, number: int) -> optuna.Trial:
        return optuna.Trial(self._study, self.trials[number]._trial_id)

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
        for trial in last_tries(self.trials):
            if trial.state == TrialState.FAIL:
                attributes = {_RETRY_OF: trial.number, _SETTING: setting(trial)}
                self._study.enqueue_trial(trial.params, user_attrs=attributes)

    def _enqueue_grid(self) -> None:
        known = {_key(setting(trial)) for trial in self.trials}
        for candidate in self._space.grid():
            if _key(candidate) not in known:
                params = {path: to_optuna(value) for path, value in candidate.items()}
                self._study.enqueue_trial(params, user_attrs={_SETTING: candidate})


def results(trial: FrozenTrial) -> dict[int, TrialResult]:
    """Return a trial's results by seed."""
    stored = {name: value for name, value in trial.user_attrs.items() if name.startswith(_SEED)}
    return {int(name.removeprefix(_SEED)): TrialResult(**value) for name, value in stored.items()}


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


def open_storage() -> RDBStorage:
    """Open the database that `$SMIS_STUDIES` names, or the workspace's own SQLite file.

    Raises:
        SweepError: if there is no database at that address.
    """
    address = os.environ.get(DATABASE)
    if not address:
        file = SWEEPS / "studies.db"
        try:
            SWEEPS.mkdir(parents=True, exist_ok=True)
            # Concurrent sweeps wait for one another's writes.
            return RDBStorage(sqlite_uri(file), engine_kwargs={"connect_args": {"timeout": 60}})
        except (DBAPIError, StorageInternalError, RuntimeError, OSError) as error:
            raise SweepError(
                f"the studies of sweeps in {file} do not open ({_message(error)}); move it away to begin new ones"
            ) from None
    timeouts = _TIMEOUTS if address.startswith("postgresql") else {}
    try:
        if "@" in str(make_url(address).host):  # the end of a password, which messages would show
            raise ValueError("there are two @")
        return RDBStorage(address, engine_kwargs={"pool_pre_ping": True, "connect_args": timeouts})
    except (DBAPIError, ArgumentError, ImportError, StorageInternalError, RuntimeError, ValueError, TypeError) as error:
        reason = without_credentials(_message(error))
        raise SweepError(f"the database that {DATABASE} names does not open ({reason}); {_REMEDY}") from None


def _cause(error: BaseException) -> BaseException:
    """Return SQLAlchemy's error, around which Optuna puts its own."""
    return _cause(error.__cause__) if isinstance(error, StorageInternalError) and error.__cause__ else error


def _message(error: BaseException) -> str:
    """Return the database's own first line, without SQLAlchemy's words around it."""
    cause = _cause(error)
    return str(getattr(cause, "orig", None) or cause).strip().partition("\n")[0]


def _key(setting: Setting) -> str:
    return json.dumps(setting, sort_keys=True)


def _pruner(sweep: Sweep) -> BasePruner:
    if sweep.pruner is None:
        return NopPruner()
    if sweep.pruner.method == "successive_halving":
        return SuccessiveHalvingPruner()
    return MedianPruner(n_startup_trials=sweep.pruner.startup_trials, n_warmup_steps=sweep.pruner.warmup_steps)
