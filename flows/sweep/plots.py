"""Optuna's own plots of a study, as pictures beside its summary."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial

from flows.sweep.config import Sweep
from flows.sweep.importance import finished, importance, lower_is_better, varied

_HIGH, _WIDE, _COLUMN = 5.0, 8.0, 3.2
"""Inches: of a picture, and of each parameter in it."""
_DOTS = 110
Plot = tuple[str, Callable[[], Any]]
"""The picture's name, and what draws it."""


def draw(sweep: Sweep, study: optuna.Study, folder: Path) -> None:
    """Write history, slices, importance, parallel coordinates and Pareto front, as far as finished trials allow."""
    shutil.rmtree(folder, ignore_errors=True)
    if not finished(study):
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
            shown = max(len(figure.axes), len(figure.axes[0].get_xticklabels()) // 2)
            figure.set_size_inches(max(_WIDE, _COLUMN * shown), _HIGH)
            figure.savefig(folder / f"{name}.png", dpi=_DOTS, bbox_inches="tight")
            pyplot.close(figure)


def _plots(sweep: Sweep, study: optuna.Study) -> Iterator[Plot]:
    from optuna.visualization import matplotlib as plots

    names, wanted = varied(study), sweep.objectives
    tells = bool(importance(sweep, study))
    for place, one in enumerate(wanted):
        own = {"target": None if len(wanted) == 1 else partial(_value, place=place), "target_name": one.metric}
        yield f"history-{one.metric}", partial(plots.plot_optimization_history, study, **own)
        if names:
            yield f"slice-{one.metric}", partial(_slice, study, names, **own)
        if tells:
            low = {"target": lower_is_better(one, place), "target_name": one.metric}
            yield f"importance-{one.metric}", partial(plots.plot_param_importances, study, params=names, **low)
    metrics = [one.metric for one in wanted]
    if names:
        yield "parallel", partial(_parallel, study, names, metrics)
    if len(wanted) in (2, 3):
        yield "pareto", partial(plots.plot_pareto_front, study, target_names=metrics)


def _slice(study: optuna.Study, names: list[str], **target: Any) -> None:
    """Let numbers of a logarithmic axis not run into one another."""
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as plots

    plots.plot_slice(study, names, **target)
    for axes in pyplot.gcf().axes:
        axes.tick_params(axis="x", which="both", labelrotation=45, labelsize=8)


def _parallel(study: optuna.Study, names: list[str], metrics: list[str]) -> None:
    """Name the objectives, which Optuna numbers if there are several, and show long names whole."""
    from optuna.visualization import matplotlib as plots

    axes = plots.plot_parallel_coordinate(study, names, target_name=metrics[0])
    axes.set_xticks(axes.get_xticks(), [*metrics, *names], rotation=20, ha="right")


def _value(trial: FrozenTrial, *, place: int) -> float:
    return trial.values[place]
