"""The sweep's memory: an Optuna study, in which every trial is written down as soon as anything is known of it.

A trial that was running when its sweep died is taken up again with its number, and so with its workspace and states.
"""

import json
import logging
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from flows.exceptions import SweepError, TakenOverError
from flows.sweep import storage
from flows.sweep.config import Sweep
from flows.sweep.curve import Point
from flows.sweep.lock import Lease
from flows.sweep.space import Setting, Space, cell, coded
from flows.sweep.trial import TrialResult, finite

_MEANT, _SETTING, _SEED, _WHY, _PRUNED_AT = "sweep", "setting", "seed-", "why", "pruned_at"
_AGAIN, _ID, _CODE = "again", "id", "code"
_MAY_CHANGE = {"trials", "max_concurrent", "retries", "executor", "gpus", "heartbeat_timeout_s"}

optuna.logging.set_verbosity(logging.WARNING)


class Study:
    """Which settings were tried, which come next, and what became of each."""

    def __init__(
        self,
        sweep: Sweep,
        space: Space,
        common: Mapping[str, Any] | None = None,
        *,
        code: Mapping[str, str] | None = None,
        ended: Callable[[], bool] = lambda: False,
    ) -> None:
        """Open the study, or go on with it; `common` is what all its trials have in common.

        `code` has a digest for each data set and system, named by `cell`, of what their trials are made of now.
        Once the sweep has `ended`, nothing waits for a database that is away.

        Raises:
            SweepError: if the name belongs to a sweep that asks for something else, or goes on elsewhere.
        """
        self._sweep, self._space = sweep, space
        self._study = optuna.create_study(
            storage=storage.opened(ended=ended),
            study_name=sweep.name,
            directions=[objective.direction for objective in sweep.objectives],
            pruner=_pruner(sweep),
            load_if_exists=True,
        )
        self._check_meaning(common or {})
        self._lease = Lease(self._study) if storage.shared() else None
        if self._lease:
            self._lease.take()
        self._study.set_user_attr(_CODE, dict(code or {}))
        # Another seed each time: a sampler that starts anew would else draw the settings that it drew before.
        self._study.sampler = _sampler(sweep, seed=len(self.trials))
        self._unfinished = [trial.number for trial in self.trials if trial.state == TrialState.RUNNING]
        self._again()
        if sweep.sampler == "grid":
            self._enqueue_grid()

    def held(self, lost: Callable[[TakenOverError], object]) -> AbstractContextManager[None]:
        """Meanwhile, keep the study from sweeps of the same name elsewhere; `lost` hears that one has taken it over."""
        return self._lease.held(lost) if self._lease else nullcontext()

    @property
    def id(self) -> str:
        """Tell this study from another person's of the same name."""
        if _ID not in self._study.user_attrs:
            self._study.set_user_attr(_ID, uuid4().hex[:8])
        return self._study.user_attrs[_ID]

    @property
    def recorded(self) -> optuna.Study:
        """Return Optuna's own study."""
        return self._study

    @property
    def trials(self) -> list[FrozenTrial]:
        """Return all trials, in their order."""
        return self._study.get_trials(deepcopy=False)

    def next(self) -> int | None:
        """Return the number of the next trial to run: first those that a dead sweep left, then new ones."""
        self._unfinished += self._unheard()
        if self._unfinished:
            number = self._unfinished.pop(0)
            self._suggest(optuna.Trial(self._study, self.trials[number]._trial_id))
            return number
        waiting = any(trial.state == TrialState.WAITING for trial in self.trials)
        if not waiting and (self._sweep.sampler == "grid" or len(last_tries(self.trials)) >= self._sweep.trials):
            return None
        trial = self._study.ask()
        self._suggest(trial)
        return trial.number

    def setting(self, number: int) -> Setting:
        """Return a trial's data set, system and values."""
        return self.trials[number].user_attrs[_SETTING]

    def measured(self, number: int) -> dict[int, TrialResult]:
        """Return what is known of a trial, by seed."""
        return measured(self.trials[number])

    def add(self, number: int, seed: int, found: TrialResult) -> None:
        """Write down what one seed of a trial gave; with the last seed, the trial is finished.

        Raises:
            SweepError: if an objective was not measured.
        """
        if self.trials[number].state.is_finished():
            return
        there = finite(found.values)
        for objective in self._sweep.objectives:
            if objective.metric not in there:
                raise SweepError(
                    f"{objective.metric} was not measured, or is no number; there are: {', '.join(there) or 'none'}"
                )
        self._note_code(number)
        self._note(number, f"{_SEED}{seed}", asdict(found) | {"values": there})
        results = self.measured(number).values()
        if len(results) == self._sweep.seeds:
            means = [
                statistics.fmean(one.values[wanted.metric] for one in results) for wanted in self._sweep.objectives
            ]
            self._study.tell(number, means)

    def fail(self, number: int, why: str) -> None:
        """Write down that a trial failed for good."""
        self._note(number, _WHY, why)
        self._study.tell(number, state=TrialState.FAIL)

    def report(self, number: int, points: Sequence[Point]) -> bool:
        """Write down new points of a trial's curve; say whether it should be ended."""
        trial = self._trial(number)
        known = self.trials[number].intermediate_values
        for step, value in points:
            if step not in known:
                trial.report(self._sign() * value, step)
        return bool(points) and trial.should_prune()

    def prune(self, number: int) -> None:
        """Write down that a trial was ended early."""
        self._note_code(number)
        self._note(number, _PRUNED_AT, max(self.trials[number].intermediate_values))
        self._study.tell(number, state=TrialState.PRUNED)

    def _unheard(self) -> list[int]:
        """Find trials that the database has made, though its answer was lost: they have no setting."""
        running = (trial for trial in self.trials if trial.state == TrialState.RUNNING)
        return [one.number for one in running if not setting(one) and one.number not in self._unfinished]

    def _suggest(self, trial: optuna.Trial) -> None:
        trial.set_user_attr(_SETTING, self._space.suggest(trial))

    def _trial(self, number: int) -> optuna.Trial:
        return optuna.Trial(self._study, self.trials[number]._trial_id)

    def _note(self, number: int, name: str, value: Any) -> None:
        self._trial(number).set_user_attr(name, value)

    def _note_code(self, number: int) -> None:
        """Note what a trial is made of: several things, if its seeds are of different code."""
        now = self._study.user_attrs[_CODE].get(cell(self.setting(number)))
        known = self.trials[number].user_attrs.get(_CODE, [])
        if now is not None and now not in known:
            self._note(number, _CODE, [*known, now])

    def _sign(self) -> int:
        assert self._sweep.pruner
        return 1 if self._sweep.pruner.direction == self._sweep.objectives[0].direction else -1

    def _check_meaning(self, common: Mapping[str, Any]) -> None:
        meant = self._sweep.model_dump(mode="json", exclude=_MAY_CHANGE)
        meant |= {"systems": list(self._space.systems), "datasets": list(self._space.datasets), **common}
        before = self._study.user_attrs.get(_MEANT, meant)
        other = [name for name in meant | before if before.get(name) != meant.get(name)]
        if other:
            raise SweepError(
                f"sweep {meant['name']} was begun with other {', '.join(other)}; choose another name, "
                f"or go on with what was meant then: {', '.join(f'{name} {before.get(name)}' for name in other)}"
            )
        self._study.set_user_attr(_MEANT, meant)

    def _again(self) -> None:
        """Queue trials that failed in an earlier run of the sweep: somebody may have mended the cause."""
        for trial in last_tries(self.trials):
            if trial.state == TrialState.FAIL:
                self._study.enqueue_trial(trial.params, user_attrs={_AGAIN: trial.number, _SETTING: setting(trial)})

    def _enqueue_grid(self) -> None:
        known = {_key(setting(trial)) for trial in self.trials}
        for one in self._space.grid():
            if _key(one) not in known:
                params = {path: coded(value) for path, value in one.items()}
                self._study.enqueue_trial(params, user_attrs={_SETTING: one})


def measured(trial: FrozenTrial) -> dict[int, TrialResult]:
    """Return what is known of a trial, by seed."""
    return {
        int(name.removeprefix(_SEED)): TrialResult(**found | {"values": finite(found["values"])})
        for name, found in _seeds(trial.user_attrs)
    }


def last_tries(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Leave out trials that failed and were queued again under another number."""
    repeated = {trial.user_attrs.get(_AGAIN) for trial in trials}
    return [trial for trial in trials if trial.number not in repeated]


def other_code(study: optuna.Study) -> set[int]:
    """Return the finished and pruned trials of other code than the sweep has now; of old ones nothing is known."""
    now: Mapping[str, str] = study.user_attrs.get(_CODE, {})
    over = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return {trial.number for trial in over if set(trial.user_attrs.get(_CODE, [])) - {now.get(cell(setting(trial)))}}


def why(trial: FrozenTrial) -> str:
    """Return why a trial failed, or where it was pruned."""
    at = trial.user_attrs.get(_PRUNED_AT)
    return trial.user_attrs.get(_WHY, "") if at is None else f"ended at step {at}"


def setting(trial: FrozenTrial) -> Setting:
    """Return a trial's data set, system and values."""
    return trial.user_attrs.get(_SETTING, {})


def _key(setting: Setting) -> str:
    return json.dumps(setting, sort_keys=True)


def load(name: str) -> optuna.Study:
    """Open the study of a sweep that was begun.

    Raises:
        SweepError: if there is none.
    """
    there = storage.opened()
    names = optuna.get_all_study_names(there)
    if name not in names:
        raise SweepError(f"there is no sweep {name!r}; there are: {', '.join(sorted(names)) or 'none'}")
    return optuna.load_study(study_name=name, storage=there)


def _seeds(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in attributes.items() if name.startswith(_SEED))


def _sampler(sweep: Sweep, *, seed: int) -> BaseSampler:
    return TPESampler(seed=seed) if sweep.sampler == "tpe" else RandomSampler(seed=seed)


def _pruner(sweep: Sweep) -> BasePruner:
    if sweep.pruner is None:
        return NopPruner()
    if sweep.pruner.method == "successive_halving":
        return SuccessiveHalvingPruner()
    return MedianPruner(n_startup_trials=sweep.pruner.startup_trials, n_warmup_steps=sweep.pruner.warmup_steps)
