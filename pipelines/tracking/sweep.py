"""`python -m pipelines.tracking.sweep NAME`: a sweep's own run in MLflow, its best model, pages that compare trials.

Trials are runs of their cells' experiments, tagged `smis.sweep`; nested runs would be folded away on MLflow's page.
The sweep's run holds the best trial's mean and standard deviation over seeds, those of each trial at the step of its
number, the summary, Optuna's plots, and an image with a row of samples per trial.

A shared view of each experiment shows the sweep's trials alone, best first, with the columns that matter.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from PIL import Image

from pipelines.stage import run
from pipelines.tracking.client import MetricPoint, TrackedRun, TrackingClient, disabled, tolerated, warn
from pipelines.tracking.publication import SAMPLE_ROW
from pipelines.tracking.registered_model import register
from pipelines.tracking.shared_view import MAX_COMPARED, SharedView, compare_page
from smis.core.contact_sheet import Group, paint
from smis.core.errors import ParamsError

if TYPE_CHECKING:
    from mlflow.entities import Run

SWEEPS = Path(".scratch/sweeps")
_MAX_DESCRIPTION = 7000
"""Characters; MLflow refuses more than 8000."""
Trial = dict[str, Any]
"""A row of summary.json."""


def main(name: str) -> None:
    """Publish a sweep and print where its trials are compared; if MLflow does not answer, print a warning."""
    path = SWEEPS / name / "summary.json"
    if not path.exists():
        existing = ", ".join(sorted(found.parent.name for found in SWEEPS.glob("*/summary.json"))) or "none"
        raise ParamsError(f"there is no sweep {name!r} with a {path}; there are: {existing}")
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if disabled() or not summary["trials"]:
        return
    with tolerated(f"the summary remains in {SWEEPS / name}"):
        links = _SweepPublication(TrackingClient(), name, summary).publish()
        print("\n".join(f"{title}  {address}" for title, address in links.items()))


class _SweepPublication:
    def __init__(self, client: TrackingClient, name: str, summary: dict[str, Any]) -> None:
        self._client, self._name, self._folder = client, name, SWEEPS / name
        self._trials: list[Trial] = summary["trials"]
        self._metrics = [objective["metric"] for objective in summary["objectives"]]
        self._ascending = summary["objectives"][0]["direction"] == "minimize"
        self._best = next((trial for trial in self._trials if trial["number"] == summary["best"]), None)
        finished = [trial for trial in self._trials if trial["state"] == "finished"]
        self._ranked = sorted(
            finished, key=lambda trial: trial["metrics"][self._metrics[0]][0], reverse=not self._ascending
        )
        datasets = sorted({trial["setting"]["dataset"] for trial in self._trials})
        self._experiments = {dataset: client.experiment(f"smis/{dataset}") for dataset in datasets}
        names = dict.fromkeys(name for trial in self._trials for name in trial["setting"])
        self._varied = [name for name in names if len({str(trial["setting"].get(name)) for trial in self._trials}) > 1]
        tags = {"smis.sweep": name}
        self._runs = [found for each in self._experiments.values() for found in client.find_runs(each, tags=tags)]
        self._finished = {
            (each.data.tags.get("smis.trial"), each.data.params.get("seed")): each
            for each in reversed(self._runs)
            if "smis.checkpoint" in each.data.tags
        }

    def publish(self) -> dict[str, str]:
        """Send everything, and return the links by title."""
        rank = {str(trial["number"]): position for position, trial in enumerate(self._ranked)}
        best_first = sorted(self._runs, key=lambda each: rank.get(each.data.tags.get("smis.trial", ""), len(rank)))
        links = self._share_views()
        runs = [each.info.run_id for each in best_first]
        links[f"sweep {self._name}, comparison"] = compare_page(self._client, runs, [*self._experiments.values()])
        model = self._register_best()
        self._send_own_run(self._description(links, model))
        return links | ({f"sweep {self._name}, best model": model} if model else {})

    def _description(self, links: Mapping[str, str], model: str | None) -> str:
        """Return the Markdown description of the sweep's run: best trial, links, summary."""
        best = [f"Best: {self._title(self._best)}{f', `{model}`' if model else ''}"] if self._best else []
        items = [*best, *(f"[{title}]({address})" for title, address in links.items())]
        summary = (self._folder / "summary.md").read_text(encoding="utf-8")
        text = "\n".join(f"* {item}" for item in items) + f"\n\n{summary}"
        if len(text) <= _MAX_DESCRIPTION:
            return text
        return text[:_MAX_DESCRIPTION].rpartition("\n")[0] + "\n\n... (the rest is in summary.md)"

    def _share_views(self) -> dict[str, str]:
        """Store a view of the sweep in each experiment, and return the links."""
        params = [run_param(name) for name in self._varied]
        view = SharedView(
            title=f"Sweep {self._name}",
            search=f"tags.smis.sweep = '{self._name}'",
            params=params,
            metrics=self._metrics,
            order_by=f"metrics.`{self._metrics[0]}`",
            ascending=self._ascending,
        )
        return {
            f"sweep {self._name} on {dataset}, best first": view.share(self._client, experiment, f"smis-{self._name}")
            for dataset, experiment in self._experiments.items()
        }

    def _send_own_run(self, description: str) -> None:
        api, tags = self._client.api, {"smis.sweep.name": self._name}
        experiment = self._client.experiment("smis/sweeps")
        existing = self._client.find_runs(experiment, tags=tags)
        own = TrackedRun(
            self._client, existing[0] if existing else api.create_run(experiment, run_name=self._name, tags=tags)
        )
        # The best trial's values have no prefix, so MLflow lists them first.
        best = [MetricPoint.now(len(self._trials), _values(self._best))] if self._best else []
        each = [MetricPoint.now(trial["number"], _values(trial, prefix="trials/")) for trial in self._trials]
        own.log(best + each, tags={"mlflow.note.content": description})
        for path in sorted([*self._folder.glob("summary.*"), *self._folder.glob("plots/*.png")]):
            api.log_artifact(own.id, str(path), "plots" if path.suffix == ".png" else None)
        self._send_samples(own.id)
        api.set_terminated(own.id)

    def _send_samples(self, own: str) -> None:
        """Paint the sample rows of the trials' runs below each other, best first."""
        with TemporaryDirectory() as temporary:
            rows: dict[str, Image.Image] = {}
            for trial in self._ranked[:MAX_COMPARED]:
                trial_run = self._run_of(trial)
                path = trial_run and self._client.download(trial_run.info.run_id, SAMPLE_ROW, temporary)
                if path:
                    with Image.open(path) as row:
                        rows[self._title(trial)] = row.copy()
            if rows:
                sheet = Path(temporary, SAMPLE_ROW)
                paint([Group("", [[row] for row in rows.values()])], row_titles=[*rows], margin=0).save(sheet)
                self._client.api.log_artifact(own, str(sheet))

    def _register_best(self) -> str | None:
        if self._best is None or (trial_run := self._run_of(self._best)) is None:
            return None
        number, seed, seeds = self._best["number"], self._best["seeds"][0], len(self._best["seeds"])
        note = f" (mean of {seeds} seeds; this is seed {seed})" if seeds > 1 else ""
        uri = register(
            self._client,
            trial_run,
            sweep=self._name,
            description=f"{self._title(self._best)}{note}",
            workspaces=[self._folder / f"trial-{number:04d}-seed-{seed}", Path()],
        )
        if uri is None:
            warn(
                f"the weights of trial {number} are on another machine; `python -m flows.sweep.apply {self._name} "
                f"{number} --pull` and `python -m pipelines.tracking.sweep {self._name}` register them"
            )
        return uri

    def _run_of(self, trial: Trial) -> "Run | None":
        """Return the finished run of a trial's first seed."""
        return self._finished.get((str(trial["number"]), str(trial["seeds"][0])))

    def _title(self, trial: Trial) -> str:
        parts = [_setting(name, trial["setting"][name]) for name in self._varied if name in trial["setting"]]
        parts += [f"{metric} {_plus_minus(*trial['metrics'][metric])}" for metric in self._metrics]
        return f"trial {trial['number']}: {', '.join(parts)}"


def run_param(path: str) -> str:
    """Return a run's name for a path in params.yaml: `system.width` for systems.inade.width."""
    section, *rest = path.split(".")
    own = {"systems": "system", "datasets": "dataset"}
    return ".".join([own[section], *rest[1:]]) if section in own else path


def _values(trial: Trial, *, prefix: str = "") -> dict[str, float]:
    means = {f"{prefix}{metric}": mean for metric, (mean, _) in trial["metrics"].items()}
    return means | {f"{prefix}{metric}_std": std for metric, (_, std) in trial["metrics"].items() if std is not None}


def _setting(name: str, value: Any) -> str:
    short = f"{value:.3g}" if isinstance(value, float) else str(value)
    return short if name in ("system", "dataset") else f"{name.rsplit('.', 1)[-1]} {short}"


def _plus_minus(mean: float, deviation: float | None) -> str:
    return f"{mean:.4g}" if deviation is None else f"{mean:.4g} ± {deviation:.2g}"


if __name__ == "__main__":
    run(main)
