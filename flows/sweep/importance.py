"""How much each parameter of a sweep decides, where Optuna can tell."""

import warnings
from collections.abc import Callable
from functools import partial

import optuna
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState

from flows.sweep.config import Objective, Sweep

_FEWEST = 4
"""Finished trials, from which on importance is more than chance."""


def importance(sweep: Sweep, study: optuna.Study) -> dict[str, dict[str, float]]:
    """Return each objective's shares (0..1) by parameter, the largest first; nothing if too few trials tell."""
    names = varied(study)
    if not names or len(finished(study)) < _FEWEST:
        return {}
    with warnings.catch_warnings():  # that it decides what is low: `lower_is_better` makes the better values low
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes", UserWarning)
        return {
            one.metric: get_param_importances(study, params=names, target=lower_is_better(one, place))
            for place, one in enumerate(sweep.objectives)
        }


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that were measured with all their seeds."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def varied(study: optuna.Study) -> list[str]:
    """Name the parameters that differ among finished trials."""
    trials = finished(study)
    names = {name for trial in trials for name in trial.params}
    return sorted(name for name in names if len({trial.params.get(name) for trial in trials}) > 1)


def lower_is_better(objective: Objective, place: int) -> Callable[[FrozenTrial], float]:
    """Return what reads a trial's value of an objective, turned round if it should be high."""
    return partial(_value, place=place, sign=1 if objective.direction == "minimize" else -1)


def _value(trial: FrozenTrial, *, place: int, sign: int) -> float:
    return sign * trial.values[place]
