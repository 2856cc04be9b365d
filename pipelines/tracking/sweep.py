"""`python -m pipelines.tracking.sweep NAME`: a sweep's own run in MLflow, its best model, pages that compare trials.

Trials are runs of their cells' experiments, tagged `smis.sweep`; nested runs would be folded away on MLflow's page.
The sweep's run holds the best trial's mean and standard deviation over seeds, those of each trial at the step of its
number, the summary, Optuna's plots, and an image with a row of samples per trial.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from PIL import Image

from pipelines.stage import run
from pipelines.tracking.client import (
    MetricPoint,
    TrackingClient,
    comparison_link,
    disabled,
    failures,
    short_reason,
    tracking_uri,
    view_link,
    warn,
)
from pipelines.tracking.publication import SAMPLE_ROW
from pipelines.tracking.registered_model import SweepModel
from pipelines.tracking.shared_view import TAG_PREFIX, run_param, view_state
from smis.core.contact_sheet import Group, paint
from smis.core.errors import ParamsError

if TYPE_CHECKING:
    from mlflow.entities import Run

SWEEPS = Path(".scratch/sweeps")
_MAX_COMPARED = 50
"""Runs on the comparison page."""
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
    summary: dict[str, Any] = json.loads(path.read_text())
    if disabled() or not summary["trials"]:
        return
    uri = tracking_uri()
    try:
        lines = _SweepPublication(TrackingClient(uri), name, summary).publish()
    except failures() as error:
        warn(f"MLflow does not answer at {uri} ({short_reason(error)}); the summary remains in {SWEEPS / name}")
        return
    print("\n".join(lines))


class _SweepPublication:
    def __init__(self, client: TrackingClient, name: str, summary: dict[str, Any]) -> None:
        self._client, self._name, self._folder = client, name, SWEEPS / name
        self._trials: list[Trial] = summary["trials"]
        self._objectives: list[dict[str, str]] = summary["objectives"]
        self._best = next((trial for trial in self._trials if trial["number"] == summary["best"]), None)
        datasets = sorted({trial["setting"]["dataset"] for trial in self._trials})
        self._experiments = {dataset: client.experiment(f"smis/{dataset}") for dataset in datasets}
        names = dict.fromkeys(name for trial in self._trials for name in trial["setting"])
        self._varied = [name for name in names if len({str(trial["setting"].get(name)) for trial in self._trials}) > 1]
        tags = {"smis.sweep": name}
        self._runs = [found for each in self._experiments.values() for found in client.find_runs(each, tags=tags)]

    def publish(self) -> list[str]:
        """Send everything, and return lines with links."""
        rank = {str(trial["number"]): position for position, trial in enumerate(self._ranked())}
        best_first = sorted(self._runs, key=lambda each: rank.get(each.data.tags.get("smis.trial", ""), len(rank)))
        run_ids = [each.info.run_id for each in best_first[:_MAX_COMPARED]]
        compared = comparison_link(self._client.uri, experiments=[*self._experiments.values()], runs=run_ids)
        links = self._share_views() | {f"sweep {self._name}, comparison": compared}
        model = self._register_best()
        models = {f"sweep {self._name}, best model": model} if model else {}
        self._send_own_run(self._description(links, model))
        return [f"{title}  {address}" for title, address in (links | models).items()]

    def _description(self, links: Mapping[str, str], model: str | None) -> str:
        """Return the Markdown description of the sweep's run: best trial, links, summary."""
        best = [f"Best: {self._title(self._best)}{f', `{model}`' if model else ''}"] if self._best else []
        items = [*best, *(f"[{title}]({address})" for title, address in links.items())]
        text = "\n".join(f"* {item}" for item in items) + f"\n\n{(self._folder / 'summary.md').read_text()}"
        if len(text) <= _MAX_DESCRIPTION:
            return text
        return text[:_MAX_DESCRIPTION].rpartition("\n")[0] + "\n\n... (the rest is in summary.md)"

    def _share_views(self) -> dict[str, str]:
        """Store a view of the sweep in each experiment, and return the links."""
        state = view_state(
            self._name,
            params=[run_param(name) for name in self._varied],
            metrics=[objective["metric"] for objective in self._objectives],
            ascending=self._objectives[0]["direction"] == "minimize",
        )
        key, links = f"smis-{self._name}", {}
        for dataset, experiment in self._experiments.items():
            self._client.api.set_experiment_tag(experiment, f"{TAG_PREFIX}{key}", state)
            title = f"sweep {self._name} on {dataset}, best first"
            links[title] = view_link(self._client.uri, experiment=experiment, key=key)
        return links

    def _send_own_run(self, description: str) -> None:
        client, tags = self._client, {"smis.sweep.name": self._name}
        experiment = client.experiment("smis/sweeps")
        existing = client.find_runs(experiment, tags=tags)
        own = existing[0].info.run_id if existing else client.create_run(experiment, name=self._name, tags=tags)
        client.log_points(own, self._points())
        client.set_tags(own, {"mlflow.note.content": description})
        for path in sorted([*self._folder.glob("summary.*"), *self._folder.glob("plots/*.png")]):
            client.api.log_artifact(own, str(path), "plots" if path.suffix == ".png" else None)
        self._send_samples(own)
        client.api.set_terminated(own)

    def _points(self) -> list[MetricPoint]:
        """Return the best trial's values without prefix, which MLflow lists first, and those of all trials."""
        now = int(time.time() * 1000)
        best = [] if self._best is None else [MetricPoint(len(self._trials), now, _values(self._best))]
        return best + [MetricPoint(trial["number"], now, _values(trial, prefix="trials/")) for trial in self._trials]

    def _send_samples(self, own: str) -> None:
        """Paint the sample rows of the trials' runs below each other, best first."""
        with TemporaryDirectory() as temporary:
            rows: dict[str, Path] = {}
            for trial in self._ranked()[:_MAX_COMPARED]:
                folder = Path(temporary, str(trial["number"]))
                folder.mkdir()
                trial_run = self._run_of(trial)
                path = trial_run and self._client.download(trial_run.info.run_id, SAMPLE_ROW, folder)
                rows |= {self._title(trial): path} if path else {}
            if not rows:
                return
            images = [[Image.open(path)] for path in rows.values()]
            sheet = Path(temporary, SAMPLE_ROW)
            paint([Group("", images)], row_titles=[*rows], margin=0).save(sheet)
            for (image,) in images:
                image.close()
            self._client.api.log_artifact(own, str(sheet))

    def _register_best(self) -> str | None:
        if self._best is None or (trial_run := self._run_of(self._best)) is None:
            return None
        number, seed, seeds = self._best["number"], self._best["seeds"][0], len(self._best["seeds"])
        note = f" (mean of {seeds} seeds; this is seed {seed})" if seeds > 1 else ""
        model = SweepModel(self._client, self._name, trial_run, f"{self._title(self._best)}{note}")
        uri = model.register([self._folder / f"trial-{number:04d}-seed-{seed}", Path()])
        if uri is None:
            warn(
                f"the weights of trial {number} are on another machine; `python -m flows.sweep.apply {self._name} "
                f"{number} --pull` and `python -m pipelines.tracking.sweep {self._name}` register them"
            )
        return uri

    def _run_of(self, trial: Trial) -> "Run | None":
        """Return the finished run of a trial's first seed."""
        key = str(trial["number"]), str(trial["seeds"][0])
        for each in self._runs:
            own = each.data.tags.get("smis.trial"), each.data.params.get("seed")
            if own == key and "smis.checkpoint" in each.data.tags:
                return each
        return None

    def _ranked(self) -> list[Trial]:
        objective = self._objectives[0]
        sign = 1 if objective["direction"] == "minimize" else -1
        finished = [trial for trial in self._trials if trial["state"] == "finished"]
        return sorted(finished, key=lambda trial: sign * trial["metrics"][objective["metric"]][0])

    def _title(self, trial: Trial) -> str:
        parts = [_setting(name, trial["setting"][name]) for name in self._varied if name in trial["setting"]]
        metrics = [objective["metric"] for objective in self._objectives]
        parts += [f"{metric} {_plus_minus(*trial['metrics'][metric])}" for metric in metrics]
        return f"trial {trial['number']}: {', '.join(parts)}"


def _values(trial: Trial, *, prefix: str = "") -> dict[str, float]:
    means = {f"{prefix}{metric}": mean for metric, (mean, _) in trial["metrics"].items()}
    return means | {f"{prefix}{metric}_std": std for metric, (_, std) in trial["metrics"].items() if std is not None}


def _setting(name: str, value: Any) -> str:
    short = f"{value:.3g}" if isinstance(value, float) else str(value)
    return short if name in ("system", "dataset") else f"{name.rsplit('.', 1)[-1]} {short}"


def _plus_minus(mean: float, deviation: float | None) -> str:
    return f"{mean:.4g}" if deviation is None else f"{mean:.4g} ± {deviation:.2g}"


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
