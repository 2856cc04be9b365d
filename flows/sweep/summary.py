"""The summary of a sweep: its trials in a table, the best of them, parameter importances and Optuna's plots."""

import json
import shutil
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.retry import retry
from flows.sweep.config import Direction, Sweep
from flows.sweep.study import last_tries, reason, results, setting
from flows.sweep.trial import shown
from flows.sweep.workspace import SWEEPS

_ARROWS = {"minimize": "↓", "maximize": "↑"}
_SIGNS = {"minimize": 1, "maximize": -1}
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
    folder = SWEEPS / sweep.name
    data = to_dict(sweep, study)
    text, rows = markdown(sweep, data), data["trials"]
    (folder / "summary.md").write_text(text, encoding="utf-8")
    (folder / "summary.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    draw_plots(sweep, study, folder / "plots")
    description = f"sweep {sweep.name}"
    retry(partial(create_markdown_artifact, text, key=f"sweep-{sweep.name}", description=description))
    log(f"\n{text}")
    if data["best"] is not None:
        return Completed(message=_count(rows))
    reasons = dict.fromkeys(row["why"] for row in rows if row["state"] == _STATES[TrialState.FAIL])
    return Failed(message="\n  ".join([_count(rows), *reasons]))


def to_dict(sweep: Sweep, study: optuna.Study) -> dict[str, Any]:
    """Return the summary as plain data: objectives, trials, the best by number, parameter importances."""
    best = find_best(sweep, study)
    return {
        "objectives": [objective.model_dump() for objective in sweep.objectives],
        "best": None if best is None else best.number,
        "front": [trial.number for trial in study.best_trials],
        "importance": importances(sweep, study),
        "trials": [row(trial) for trial in last_tries(study.get_trials(deepcopy=False))],
    }


def row(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial as plain data, with the mean and standard deviation of each metric over its seeds."""
    seeds = results(trial)
    remarks = dict.fromkeys(result.warning for result in seeds.values() if result.warning)
    return {
        "number": trial.number,
        "state": _STATES[trial.state],
        "why": reason(trial),
        "warning": "; ".join(remarks) if trial.state == TrialState.COMPLETE else "",
        "setting": dict(setting(trial)),
        "seeds": sorted(seeds),
        "metrics": _spread([result.values for result in seeds.values()]),
        "seconds": sum(result.seconds for result in seeds.values()),
    }


def _spread(seeds: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float | None]]:
    """Return every metric's mean over the seeds, and the standard deviation where there are two or more."""
    names = set.intersection(*(set(values) for values in seeds)) if seeds else set()
    columns = {name: [values[name] for values in seeds] for name in sorted(names)}
    return {
        name: (statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)
        for name, values in columns.items()
    }


def markdown(sweep: Sweep, data: Mapping[str, Any]) -> str:
    """Return the summary, from its plain data, as a page."""
    rows = data["trials"]
    warned = [row["number"] for row in rows if row["warning"]]
    parts = [f"# Sweep {sweep.name}", _count(rows), _trial_table(sweep, data)]
    if warned:
        parts.append(f"Finished with a warning, in the last column: {len(warned)}.")
    if importance := data["importance"]:
        shares = [
            [name, *(f"{100 * one[name]:.0f} %" for one in importance.values())]
            for name in next(iter(importance.values()))
        ]
        parts.append(_table({"importance": "---"} | dict.fromkeys(importance, "---:"), shares))
    if (best := data["best"]) is not None:
        several = len(sweep.objectives) > 1
        which = f"that of the Pareto front (bold) with the best {sweep.objectives[0].metric}" if several else "the best"
        elsewhere = sweep.executor == "pool" and best not in warned  # and its outputs are in the DVC remote
        command = f"python -m flows.sweep.apply {sweep.name} {best}{' --pull' if elsewhere else ''}"
        parts.append(f"To apply {which} to the main workspace, parameters and outputs:\n\n    {command}")
    return "\n\n".join(parts) + "\n"


def find_best(sweep: Sweep, study: optuna.Study) -> FrozenTrial | None:
    """Return the best trial by the first objective, of equals the first; None if no trial finished."""
    return min(study.best_trials, key=_target(0, sweep.objectives[0].direction), default=None)


def importances(sweep: Sweep, study: optuna.Study) -> dict[str, dict[str, float]]:
    """Return each parameter's share (0..1) in each objective, the largest first; empty with too few trials."""
    names = _varied(study)
    if not names or len(_finished(study)) < _MIN_TRIALS:
        return {}
    with warnings.catch_warnings():  # that low values count: `_target` makes the better ones low
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes", UserWarning)
        return {
            objective.metric: optuna.importance.get_param_importances(
                study, params=names, target=_target(index, objective.direction)
            )
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
        for name in _plots(sweep, study):
            figure = pyplot.gcf()
            columns = max(len(figure.axes), len(figure.axes[0].get_xticklabels()) // 2)
            figure.set_size_inches(max(_WIDTH, _COLUMN_WIDTH * columns), _HEIGHT)
            figure.savefig(folder / f"{name}.png", dpi=_DPI, bbox_inches="tight")
            pyplot.close(figure)


def _plots(sweep: Sweep, study: optuna.Study) -> Iterator[str]:
    """Draw each plot as the current figure, then yield its name."""
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as plots

    names, metrics = _varied(study), [objective.metric for objective in sweep.objectives]
    has_importances = bool(importances(sweep, study))
    for index, objective in enumerate(sweep.objectives):
        metric = objective.metric
        target = {"target": None if len(metrics) == 1 else _target(index), "target_name": metric}
        plots.plot_optimization_history(study, **target)
        yield f"history-{metric}"
        if names:
            plots.plot_slice(study, names, **target)
            for axes in pyplot.gcf().axes:  # the numbers of a logarithmic axis would overlap
                axes.tick_params(axis="x", which="both", labelrotation=45, labelsize=8)
            yield f"slice-{metric}"
        if has_importances:
            low = _target(index, objective.direction)
            plots.plot_param_importances(study, params=names, target=low, target_name=metric)
            yield f"importance-{metric}"
    if names:
        axes = plots.plot_parallel_coordinate(study, names, target_name=metrics[0])
        # Optuna numbers the objectives if there are several, and long names would overlap.
        axes.set_xticks(axes.get_xticks(), [*metrics, *names], rotation=20, ha="right")
        yield "parallel"
    if len(metrics) in (2, 3):
        plots.plot_pareto_front(study, target_names=metrics)
        yield "pareto"


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _varied(study: optuna.Study) -> list[str]:
    """List the parameters that differ among finished trials."""
    trials = _finished(study)
    names = {name for trial in trials for name in trial.params}
    return sorted(name for name in names if len({trial.params.get(name) for trial in trials}) > 1)


def _target(index: int, direction: Direction = "minimize") -> Callable[[FrozenTrial], float]:
    """Return a function for a trial's value of an objective, negated if high values are better."""
    return lambda trial: _SIGNS[direction] * trial.values[index]


def _count(rows: Iterable[Mapping[str, Any]]) -> str:
    counts = Counter(row["state"] for row in rows)
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no trials"


def _trial_table(sweep: Sweep, data: Mapping[str, Any]) -> str:
    """Write a row for each trial, the best first and in bold."""
    rows, finished = data["trials"], _STATES[TrialState.COMPLETE]
    names = dict.fromkeys(name for row in rows for name in row["setting"])
    varied = [name for name in names if len({str(row["setting"].get(name)) for row in rows}) > 1]
    metrics = [objective.metric for objective in sweep.objectives]
    sign = _SIGNS[sweep.objectives[0].direction]

    def rank(row: Mapping[str, Any]) -> tuple[bool, float, int]:
        is_finished = row["state"] == finished
        return not is_finished, sign * row["metrics"][metrics[0]][0] if is_finished else 0.0, row["number"]

    lines: list[list[str]] = []
    for row in sorted(rows, key=rank):
        bold = "**" if row["number"] in data["front"] else ""
        state = "" if row["state"] == finished else f"{row['state']}: {row['why']}".rstrip(": ")
        remarks = " ".join((state or row["warning"]).split())
        values = [shown(row["setting"].get(name, "")) for name in varied]
        means = [_plus_minus(*row["metrics"].get(metric, (None, None))) for metric in metrics]
        lines.append([f"{bold}{row['number']}{bold}", *values, *means, f"{row['seconds'] / 60:.1f}", remarks])
    heads = {"trial": "---:"} | dict.fromkeys(varied, "---")
    heads |= {f"{one.metric} {_ARROWS[one.direction]}": "---:" for one in sweep.objectives}
    return _table(heads | {"minutes": "---:", "": "---"}, lines)


def _plus_minus(mean: float | None, deviation: float | None) -> str:
    text = "" if mean is None else f"{mean:.4g}"
    return text if deviation is None else f"{text} ± {deviation:.2g}"


def _table(heads: Mapping[str, str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table in Markdown, given the heads with the alignment of their columns."""
    lines = [[cell.replace("|", "\\|") for cell in cells] for cells in (heads.keys(), heads.values(), *rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
