"""What a sweep found: a table of its trials, what mattered, which are the best, and how they are brought back."""

import json
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.retry import retry
from flows.sweep import plots
from flows.sweep.config import Objective, Sweep
from flows.sweep.importance import finished, importance
from flows.sweep.study import Study, last_tries, measured, other_code, setting, why
from flows.sweep.trial import shown
from flows.sweep.workspace import SWEEPS

OTHER_CODE = "other code"
_ARROWS = {"minimize": "↓", "maximize": "↑"}
_STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "unfinished",
    TrialState.WAITING: "waiting",
}


def show(sweep: Sweep, study: Study, *, say: Callable[[str], object]) -> State[None]:
    """Write the summary beside the trials, show it on Prefect's page, and say how the sweep ended."""
    trials = last_tries(study.trials)
    folder = SWEEPS / sweep.name
    text = markdown(sweep, study.recorded)
    (folder / "summary.md").write_text(text)
    (folder / "summary.json").write_text(json.dumps(plain(sweep, study.recorded), indent=2) + "\n")
    plots.draw(sweep, study.recorded, folder / "plots")
    told = f"sweep {sweep.name}"
    retry(partial(create_markdown_artifact, text, key=f"sweep-{sweep.name}", description=told))
    say(f"\n{text}")
    counted = _counted(trials)
    if any(trial.state == TrialState.COMPLETE for trial in trials):
        return Completed(message=counted)
    reasons = dict.fromkeys(why(trial) for trial in trials if trial.state == TrialState.FAIL)
    return Failed(message="\n  ".join([counted, *reasons]))


def plain(sweep: Sweep, study: optuna.Study) -> dict[str, Any]:
    """Return the summary as plain data: what was looked for, the trials, the best by number, what decides."""
    first = winner(sweep, study)
    return {
        "objectives": [one.model_dump() for one in sweep.objectives],
        "best": None if first is None else first.number,
        "front": [trial.number for trial in best_of(study)],
        "importance": importance(sweep, study),
        "other_code": sorted(other_code(study)),
        "trials": [row(trial) for trial in last_tries(study.get_trials(deepcopy=False))],
    }


def row(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial as plain data: what was tried, every metric's mean and standard deviation over the seeds."""
    return {
        "number": trial.number,
        "state": _STATES[trial.state],
        "why": why(trial),
        "warning": _warning(trial),
        "setting": dict(setting(trial)),
        "seeds": sorted(measured(trial)),
        "metrics": spread(trial),
        "seconds": sum(found.seconds for found in measured(trial).values()),
    }


def spread(trial: FrozenTrial) -> dict[str, tuple[float, float | None]]:
    """Return every metric's mean over a trial's seeds, and the standard deviation where there are two or more."""
    found = [one.values for one in measured(trial).values()]
    names = set.intersection(*(set(values) for values in found)) if found else set()
    columns = {name: [values[name] for values in found] for name in sorted(names)}
    return {
        name: (statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)
        for name, values in columns.items()
    }


def markdown(sweep: Sweep, study: optuna.Study) -> str:
    """Return the summary as a page."""
    trials = last_tries(study.get_trials(deepcopy=False))
    front = {trial.number for trial in best_of(study)}
    parts = [f"# Sweep {sweep.name}", _counted(trials), _table(sweep, study, best=front)]
    parts += [*_warned(trials), *_importance(sweep, study)]
    if best := winner(sweep, study):
        several = len(sweep.objectives) > 1
        which = f"that of the Pareto front (bold) with the best {sweep.objectives[0].metric}" if several else "the best"
        brings = f"python -m flows.sweep.apply {sweep.name} {best.number}{_from(sweep, best)}"
        parts.append(f"To bring {which} into the main workspace, parameters and outputs:\n\n    {brings}")
    return "\n\n".join(parts) + "\n"


def _from(sweep: Sweep, trial: FrozenTrial) -> str:
    """Say that a trial's outputs are asked for at the remote, if it ran on another machine, which sent them there."""
    return " --pull" if sweep.executor == "pool" and not _warning(trial) else ""


def best_of(study: optuna.Study) -> list[FrozenTrial]:
    """Return the best trial, or the Pareto front; nothing if no trial finished."""
    return study.best_trials if finished(study) else []


def winner(sweep: Sweep, study: optuna.Study) -> FrozenTrial | None:
    """Return the best trial by the first objective, of equals the first; nothing if no trial finished."""
    return min(best_of(study), key=lambda trial: _rank(trial, sweep.objectives[0]), default=None)


def _counted(trials: Iterable[FrozenTrial]) -> str:
    counts = Counter(_STATES[trial.state] for trial in trials)
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no trials"


def _table(sweep: Sweep, study: optuna.Study, *, best: set[int]) -> str:
    trials, other = last_tries(study.get_trials(deepcopy=False)), other_code(study)
    names = list(dict.fromkeys(name for trial in trials for name in setting(trial)))
    varied = [name for name in names if len({str(setting(trial).get(name)) for trial in trials}) > 1]
    heads = ["trial", *varied, *(f"{one.metric} {_ARROWS[one.direction]}" for one in sweep.objectives), "minutes", ""]
    lines = [_cells(heads), _cells(["---:", *["---"] * len(varied), *["---:"] * (len(sweep.objectives) + 1), "---"])]
    for trial in sorted(trials, key=lambda trial: _rank(trial, sweep.objectives[0])):
        bold = "**" if trial.number in best else ""
        values = [shown(setting(trial).get(name, "")) for name in varied]
        found = spread(trial)
        results = [_plus_minus(found, one.metric) for one in sweep.objectives]
        minutes = sum(one.seconds for one in measured(trial).values()) / 60
        remarks = " ".join(_remarks(trial, other=trial.number in other).split())
        cells = [f"{bold}{trial.number}{bold}", *values, *results, f"{minutes:.1f}", remarks]
        lines.append(_cells(cells))
    return "\n".join(lines)


def _remarks(trial: FrozenTrial, *, other: bool) -> str:
    state = "" if trial.state == TrialState.COMPLETE else f"{_STATES[trial.state]}: {why(trial)}".rstrip(": ")
    return "; ".join(filter(None, [state, OTHER_CODE if other else "", _warning(trial)]))


def _warning(trial: FrozenTrial) -> str:
    """Return what a person should know of a finished trial, once if all its seeds have it."""
    if trial.state != TrialState.COMPLETE:
        return ""
    return "; ".join(dict.fromkeys(found.warning for found in measured(trial).values() if found.warning))


def _warned(trials: Iterable[FrozenTrial]) -> list[str]:
    count = sum(bool(_warning(trial)) for trial in trials)
    return [f"Finished with a warning, in the last column: {count}."] if count else []


def _rank(trial: FrozenTrial, objective: Objective) -> tuple[bool, float, int]:
    if trial.state != TrialState.COMPLETE:
        return True, 0.0, trial.number
    value = trial.values[0]
    return False, value if objective.direction == "minimize" else -value, trial.number


def _plus_minus(found: Mapping[str, tuple[float, float | None]], metric: str) -> str:
    if metric not in found:
        return ""
    mean, deviation = found[metric]
    return f"{mean:.4g}" if deviation is None else f"{mean:.4g} ± {deviation:.2g}"


def _importance(sweep: Sweep, study: optuna.Study) -> list[str]:
    columns = importance(sweep, study)
    if not columns:
        return []
    lines = [_cells(["decides", *columns]), _cells(["---", *["---:"] * len(columns)])]
    for name in columns[sweep.objectives[0].metric]:
        lines.append(_cells([name, *(f"{100 * column[name]:.0f} %" for column in columns.values())]))
    return ["\n".join(lines)]


def _cells(values: Iterable[str]) -> str:
    escaped = (value.replace("|", "\\|") for value in values)
    return f"| {' | '.join(escaped)} |"
