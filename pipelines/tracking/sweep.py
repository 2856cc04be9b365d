"""`python -m pipelines.tracking.sweep NAME`: a sweep's own run in MLflow, its best model, pages that compare trials.

Trials are runs like all others, tagged `smis.sweep`; nested below one, MLflow would fold them away. The sweep's own run
holds the best trial's mean and standard deviation over seeds, those of each trial by its number, the summary, Optuna's
plots, and a picture with a row of samples for each trial.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipelines.stage import run
from pipelines.tracking import settings, strip, view
from pipelines.tracking.store import Point, Store, failures
from pipelines.tracking.winner import Winner

if TYPE_CHECKING:
    from mlflow.entities import Run

SWEEPS = Path(".scratch/sweeps")
_COMPARED = 50
"""More runs are no longer one page."""
_NOTE = 7000
"""MLflow refuses longer descriptions than 8000 characters."""
Row = dict[str, Any]


def main(name: str) -> None:
    """Publish the sweep, print where the trials are compared; MLflow that does not answer is no failure."""
    summary: dict[str, Any] = json.loads((SWEEPS / name / "summary.json").read_text())
    uri = settings.uri()
    if settings.off() or not summary["trials"]:
        return
    try:
        lines = _Published(Store(uri), name, summary).lines()
    except failures() as error:
        settings.say(
            f"MLflow does not answer at {uri} ({settings.reason(error)}); the summary stays in {SWEEPS / name}"
        )
        return
    print("\n".join(lines))


class _Published:
    """A sweep on its way to MLflow."""

    def __init__(self, store: Store, name: str, summary: dict[str, Any]) -> None:
        self._store, self._name, self._folder = store, name, SWEEPS / name
        self._rows: list[Row] = summary["trials"]
        self._objectives: list[dict[str, str]] = summary["objectives"]
        self._best = next((row for row in self._rows if row["number"] == summary["best"]), None)
        datasets = sorted({row["setting"]["dataset"] for row in self._rows})
        self._experiments = {dataset: store.experiment(f"smis/{dataset}") for dataset in datasets}
        names = dict.fromkeys(name for row in self._rows for name in row["setting"])
        self._varied = [name for name in names if len({str(row["setting"].get(name)) for row in self._rows}) > 1]
        self._trials = [
            one for each in self._experiments.values() for one in store.runs(each, tags={"smis.sweep": name})
        ]

    def lines(self) -> list[str]:
        """Send everything, and say where it is seen."""
        place = {str(row["number"]): number for number, row in enumerate(self._ranked())}
        best_first = sorted(self._trials, key=lambda one: place.get(one.data.tags.get("smis.trial", ""), len(place)))
        chosen = [trial.info.run_id for trial in best_first[:_COMPARED]]
        compared = settings.comparison(self._store.uri, experiments=[*self._experiments.values()], runs=chosen)
        links = self._views() | {f"sweep {self._name}, side by side": compared}
        loaded = self._registered()
        models = {f"sweep {self._name}, its best model": loaded} if loaded else {}
        self._send_own_run(self._note(links, loaded))
        return [f"{what}  {where}" for what, where in (links | models).items()]

    def _note(self, links: Mapping[str, str], loaded: str | None) -> str:
        """Return the description of the sweep's run: the winner in its first line, then the ways on, and the table."""
        best = [f"Best: {self._title(self._best)}{f', `{loaded}`' if loaded else ''}"] if self._best else []
        told = [*best, *(f"[{what}]({where})" for what, where in links.items())]
        summary = (self._folder / "summary.md").read_text()
        text = "\n".join(f"* {line}" for line in told) + f"\n\n{summary}"
        return text if len(text) <= _NOTE else text[:_NOTE].rpartition("\n")[0] + "\n\n... (the rest is in summary.md)"

    def _views(self) -> dict[str, str]:
        """Let the page of each data set open with what matters here; return the addresses."""
        state = view.state(
            self._name,
            params=[view.run_param(name) for name in self._varied],
            metrics=[one["metric"] for one in self._objectives],
            rising=self._objectives[0]["direction"] == "minimize",
        )
        key, found = f"smis-{self._name}", {}
        for dataset, experiment in self._experiments.items():
            self._store.tag_experiment(experiment, f"{view.TAG}{key}", state)
            address = settings.view(self._store.uri, experiment=experiment, key=key)
            found[f"sweep {self._name} on {dataset}, the best first"] = address
        return found

    def _send_own_run(self, note: str) -> None:
        store, tags = self._store, {"smis.sweep.name": self._name}
        experiment = store.experiment("smis/sweeps")
        there = store.runs(experiment, tags=tags)
        own = there[0].info.run_id if there else store.start(experiment, name=self._name, tags=tags)
        store.log_points(own, self._points())
        store.tag(own, {"mlflow.note.content": note})
        for path in sorted([*self._folder.glob("summary.*"), *self._folder.glob("plots/*.png")]):
            store.log_file(own, path, folder="plots" if path.suffix == ".png" else None)
        self._send_samples(own)
        store.end(own)

    def _points(self) -> list[Point]:
        """The best's values as those of the sweep (the page lists them first), and each trial's at its number."""
        now = int(time.time() * 1000)
        best = [] if self._best is None else [Point(len(self._rows), now, _values(self._best))]
        return best + [Point(row["number"], now, _values(row, prefix="trials/")) for row in self._rows]

    def _send_samples(self, own: str) -> None:
        """Lay out what each trial's run shows of itself, the best first, whichever machine it ran on."""
        with TemporaryDirectory() as folder:
            rows: list[tuple[str, Path]] = []
            for row in self._ranked()[:_COMPARED]:
                place = Path(folder, str(row["number"]))
                place.mkdir()
                trial = self._run_of(row)
                path = trial and self._store.fetch(trial.info.run_id, strip.NAME, place)
                rows += [(self._title(row), path)] if path else []
            if rows:
                strip.stack(rows, Path(folder, strip.NAME))
                self._store.log_file(own, Path(folder, strip.NAME))

    def _registered(self) -> str | None:
        if self._best is None or (trial := self._run_of(self._best)) is None:
            return None
        number, seed = self._best["number"], self._best["seeds"][0]
        seeds = len(self._best["seeds"])
        told = f"{self._title(self._best)}{f' (mean of {seeds} seeds; this is seed {seed})' if seeds > 1 else ''}"
        places = [self._folder / f"trial-{number:04d}-seed-{seed}", Path()]
        loaded = Winner(self._name, trial, told).register(self._store.uri, places)
        if loaded is None:
            settings.say(
                f"the weights of trial {number} are on another machine; `python -m flows.sweep.apply {self._name} "
                f"{number} --pull` and `python -m pipelines.tracking.sweep {self._name}` register them"
            )
        return loaded

    def _run_of(self, row: Row) -> "Run | None":
        """Find the finished run of a trial's first seed."""
        wanted = str(row["number"]), str(row["seeds"][0])
        for trial in self._trials:
            found = trial.data.tags.get("smis.trial"), trial.data.params.get("seed")
            if found == wanted and "smis.checkpoint" in trial.data.tags:
                return trial
        return None

    def _ranked(self) -> list[Row]:
        objective = self._objectives[0]
        sign = 1 if objective["direction"] == "minimize" else -1
        measured = [row for row in self._rows if row["state"] == "finished"]
        return sorted(measured, key=lambda row: sign * row["metrics"][objective["metric"]][0])

    def _title(self, row: Row) -> str:
        told = [_told(name, row["setting"][name]) for name in self._varied if name in row["setting"]]
        told += [f"{one['metric']} {_plus_minus(*row['metrics'][one['metric']])}" for one in self._objectives]
        return f"trial {row['number']}: {', '.join(told)}"


def _values(row: Row, *, prefix: str = "") -> dict[str, float]:
    means = {f"{prefix}{metric}": mean for metric, (mean, _) in row["metrics"].items()}
    return means | {f"{prefix}{metric}_std": std for metric, (_, std) in row["metrics"].items() if std is not None}


def _told(name: str, value: Any) -> str:
    short = f"{value:.3g}" if isinstance(value, float) else str(value)
    return short if name in ("system", "dataset") else f"{name.rsplit('.', 1)[-1]} {short}"


def _plus_minus(mean: float, deviation: float | None) -> str:
    return f"{mean:.4g}" if deviation is None else f"{mean:.4g} ± {deviation:.2g}"


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
