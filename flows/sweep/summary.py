"""The summary of a sweep: its trials in a table, the best of them, parameter importances and Optuna's plots."""

import json
import shutil
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.retry import retry
from flows.sweep.config import Sweep, SweepObjective
from flows.sweep.study import last_tries, reason, results, setting
from flows.sweep.trial import shown
from flows.sweep.workspace import SWEEPS

_ARROWS = {"minimize": "↓", "maximize": "↑"}
_STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "unfinished",
    TrialState.WAITING: "waiting",
}
_MIN_TRIALS = 4
"""Finished trials from which on importances mean more than chance."""
_HEIGHT, _WIDTH, _COLUMN_WIDTH = 5.0, 8.0, 3.2
"""Inches: of a plot, and of each parameter in it."""
_DPI = 110


def write(sweep: Sweep, study: optuna.Study, *, log: Callable[[str], object]) -> State[None]:
    """Write the summary beside the trials, show it on Prefect's page; return the sweep's final state."""
    trials = last_tries(study.get_trials(deepcopy=False))
    folder = SWEEPS / sweep.name
    text = markdown(sweep, study)
    (folder / "summary.md").write_text(text)
    (folder / "summary.json").write_text(json.dumps(to_dict(sweep, study), indent=2) + "\n")
    draw_plots(sweep, study, folder / "plots")
    description = f"sweep {sweep.name}"
    retry(partial(create_markdown_artifact, text, key=f"sweep-{sweep.name}", description=description))
    log(f"\n{text}")
    counts = _count(trials)
    if any(trial.state == TrialState.COMPLETE for trial in trials):
        return Completed(message=counts)
    reasons = dict.fromkeys(reason(trial) for trial in trials if trial.state == TrialState.FAIL)
    return Failed(message="\n  ".join([counts, *reasons]))


def to_dict(sweep: Sweep, study: optuna.Study) -> dict[str, Any]:
    """Return the summary as plain data: objectives, trials, the best by number, parameter importances."""
    best = find_best(sweep, study)
    return {
        "objectives": [objective.model_dump() for objective in sweep.objectives],
        "best": None if best is None else best.number,
        "front": [trial.number for trial in best_trials(study)],
        "importance": importances(sweep, study),
        "trials": [row(trial) for trial in last_tries(study.get_trials(deepcopy=False))],
    }


def row(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial as plain data, with the mean and standard deviation of each metric over its seeds."""
    return {
        "number": trial.number,
        "state": _STATES[trial.state],
        "why": reason(trial),
        "warning": _warning(trial),
        "setting": dict(setting(trial)),
        "seeds": sorted(results(trial)),
        "metrics": spread(trial),
        "seconds": sum(result.seconds for result in results(trial).values()),
    }


def spread(trial: FrozenTrial) -> dict[str, tuple[float, float | None]]:
    """Return every metric's mean over a trial's seeds, and the standard deviation where there are two or more."""
    seeds = [result.values for result in results(trial).values()]
    names = set.intersection(*(set(values) for values in seeds)) if seeds else set()
    columns = {name: [values[name] for values in seeds] for name in sorted(names)}
    return {
        name: (statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)
        for name, values in columns.items()
    }


def markdown(sweep: Sweep, study: optuna.Study) -> str:
    """Return the summary as a page."""
    trials = last_tries(study.get_trials(deepcopy=False))
    parts = [f"# Sweep {sweep.name}", _count(trials), _table(sweep, study)]
    parts += [*_count_warnings(trials), *_importance_table(sweep, study)]
    if best := find_best(sweep, study):
        several = len(sweep.objectives) > 1
        which = f"that of the Pareto front (bold) with the best {sweep.objectives[0].metric}" if several else "the best"
        elsewhere = sweep.executor == "pool" and not _warning(best)  # and its outputs are in the DVC remote
        command = f"python -m flows.sweep.apply {sweep.name} {best.number}{' --pull' if elsewhere else ''}"
        parts.append(f"To apply {which} to the main workspace, parameters and outputs:\n\n    {command}")
    return "\n\n".join(parts) + "\n"


def best_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the best trial, or the Pareto front; empty if no trial finished."""
    return study.best_trials if _finished(study) else []


def find_best(sweep: Sweep, study: optuna.Study) -> FrozenTrial | None:
    """Return the best trial by the first objective, of equals the first; None if no trial finished."""
    return min(best_trials(study), key=lambda trial: _rank(trial, sweep.objectives[0]), default=None)


def importances(sweep: Sweep, study: optuna.Study) -> dict[str, dict[str, float]]:
    """Return each parameter's share (0..1) in each objective, the largest first; empty with too few trials."""
    names = _varied(study)
    if not names or len(_finished(study)) < _MIN_TRIALS:
        return {}
    with warnings.catch_warnings():  # that low values count: `_minimized` makes the better ones low
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes", UserWarning)
        return {
            objective.metric: get_param_importances(study, params=names, target=_minimized(objective, index))
            for index, objective in enumerate(sweep.objectives)
        }


def draw_plots(sweep: Sweep, study: optuna.Study, folder: Path) -> None:
    """Write Optuna's plots as PNG: history, slices, importance, parallel coordinates and Pareto front."""
    shutil.rmtree(folder, ignore_errors=True)
    if not _finished(study):
        return
    import matplotlib  # takes half a second
    from matplotlib import pyplot

    matplotlib.use("Agg")
    folder.mkdir(parents=True)
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes", UserWarning)
        for name, plot in _plots(sweep, study):
            plot()
            figure = pyplot.gcf()
            columns = max(len(figure.axes), len(figure.axes[0].get_xticklabels()) // 2)
            figure.set_size_inches(max(_WIDTH, _COLUMN_WIDTH * columns), _HEIGHT)
            figure.savefig(folder / f"{name}.png", dpi=_DPI, bbox_inches="tight")
            pyplot.close(figure)


def _plots(sweep: Sweep, study: optuna.Study) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield each plot's name, and what draws it."""
    from optuna.visualization import matplotlib as plots

    names, metrics = _varied(study), [objective.metric for objective in sweep.objectives]
    has_importances = bool(importances(sweep, study))
    for index, objective in enumerate(sweep.objectives):
        metric = objective.metric
        target = {"target": None if len(metrics) == 1 else partial(_value, index=index), "target_name": metric}
        yield f"history-{metric}", partial(plots.plot_optimization_history, study, **target)
        if names:
            yield f"slice-{metric}", partial(_plot_slice, study, names, **target)
        if has_importances:
            low = {"target": _minimized(objective, index), "target_name": metric}
            yield f"importance-{metric}", partial(plots.plot_param_importances, study, params=names, **low)
    if names:
        yield "parallel", partial(_plot_parallel, study, names, metrics)
    if len(metrics) in (2, 3):
        yield "pareto", partial(plots.plot_pareto_front, study, target_names=metrics)


def _plot_slice(study: optuna.Study, names: list[str], **target: Any) -> None:
    """Rotate the numbers of a logarithmic axis, which would overlap."""
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as plots

    plots.plot_slice(study, names, **target)
    for axes in pyplot.gcf().axes:
        axes.tick_params(axis="x", which="both", labelrotation=45, labelsize=8)


def _plot_parallel(study: optuna.Study, names: list[str], metrics: list[str]) -> None:
    """Name the objectives, which Optuna numbers if there are several, and rotate long names."""
    from optuna.visualization import matplotlib as plots

    axes = plots.plot_parallel_coordinate(study, names, target_name=metrics[0])
    axes.set_xticks(axes.get_xticks(), [*metrics, *names], rotation=20, ha="right")


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _varied(study: optuna.Study) -> list[str]:
    """List the parameters that differ among finished trials."""
    trials = _finished(study)
    names = {name for trial in trials for name in trial.params}
    return sorted(name for name in names if len({trial.params.get(name) for trial in trials}) > 1)


def _minimized(objective: SweepObjective, index: int) -> Callable[[FrozenTrial], float]:
    """Return a function for a trial's value of an objective, negated if high values are better."""
    return partial(_value, index=index, sign=1 if objective.direction == "minimize" else -1)


def _value(trial: FrozenTrial, *, index: int, sign: int = 1) -> float:
    return sign * trial.values[index]


def _rank(trial: FrozenTrial, objective: SweepObjective) -> tuple[bool, float, int]:
    if trial.state != TrialState.COMPLETE:
        return True, 0.0, trial.number
    return False, _minimized(objective, 0)(trial), trial.number


def _count(trials: Iterable[FrozenTrial]) -> str:
    counts = Counter(_STATES[trial.state] for trial in trials)
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no trials"


def _table(sweep: Sweep, study: optuna.Study) -> str:
    trials = last_tries(study.get_trials(deepcopy=False))
    best = {trial.number for trial in best_trials(study)}
    names = list(dict.fromkeys(name for trial in trials for name in setting(trial)))
    varied = [name for name in names if len({str(setting(trial).get(name)) for trial in trials}) > 1]
    heads = ["trial", *varied, *(f"{one.metric} {_ARROWS[one.direction]}" for one in sweep.objectives), "minutes", ""]
    lines = [_cells(heads), _cells(["---:", *["---"] * len(varied), *["---:"] * (len(sweep.objectives) + 1), "---"])]
    for trial in sorted(trials, key=lambda trial: _rank(trial, sweep.objectives[0])):
        bold = "**" if trial.number in best else ""
        values = [shown(setting(trial).get(name, "")) for name in varied]
        metrics = [_plus_minus(spread(trial), objective.metric) for objective in sweep.objectives]
        minutes = sum(result.seconds for result in results(trial).values()) / 60
        lines.append(_cells([f"{bold}{trial.number}{bold}", *values, *metrics, f"{minutes:.1f}", _remarks(trial)]))
    return "\n".join(lines)


def _remarks(trial: FrozenTrial) -> str:
    state = "" if trial.state == TrialState.COMPLETE else f"{_STATES[trial.state]}: {reason(trial)}".rstrip(": ")
    return " ".join((state or _warning(trial)).split())


def _warning(trial: FrozenTrial) -> str:
    """Return a finished trial's warnings, once if all its seeds have the same."""
    if trial.state != TrialState.COMPLETE:
        return ""
    return "; ".join(dict.fromkeys(result.warning for result in results(trial).values() if result.warning))


def _count_warnings(trials: Iterable[FrozenTrial]) -> list[str]:
    count = sum(bool(_warning(trial)) for trial in trials)
    return [f"Finished with a warning, in the last column: {count}."] if count else []


def _plus_minus(metrics: Mapping[str, tuple[float, float | None]], metric: str) -> str:
    if metric not in metrics:
        return ""
    mean, deviation = metrics[metric]
    return f"{mean:.4g}" if deviation is None else f"{mean:.4g} ± {deviation:.2g}"


def _importance_table(sweep: Sweep, study: optuna.Study) -> list[str]:
    columns = importances(sweep, study)
    if not columns:
        return []
    lines = [_cells(["importance", *columns]), _cells(["---", *["---:"] * len(columns)])]
    for name in columns[sweep.objectives[0].metric]:
        lines.append(_cells([name, *(f"{100 * column[name]:.0f} %" for column in columns.values())]))
    return ["\n".join(lines)]


def _cells(values: Iterable[str]) -> str:
    escaped = (value.replace("|", "\\|") for value in values)
    return f"| {' | '.join(escaped)} |"
