"""`python -m pipelines.tracking.sweep NAME`: a sweep's own run in MLflow, and the page that compares its trials.

Trials are runs like all others, tagged `smis.sweep`; nested below one, MLflow would fold them away. The sweep's own run
holds the mean and standard deviation over seeds of each trial, by its number, and the summary.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from pipelines.stage import run
from pipelines.tracking import settings
from pipelines.tracking.store import Point, Store, failures

SWEEPS = Path(".scratch/sweeps")
_COMPARED = 50
"""More runs are no longer one page."""


def main(name: str) -> None:
    """Publish the summary, print where the trials are compared; MLflow that does not answer is no failure."""
    rows: list[dict[str, Any]] = json.loads((SWEEPS / name / "summary.json").read_text())
    uri = settings.uri()
    if settings.off() or not rows:
        return
    try:
        store = Store(uri)
        datasets = sorted({row["setting"]["dataset"] for row in rows})
        experiments = [store.experiment(f"smis/{dataset}") for dataset in datasets]
        _publish(store, store.experiment("smis/sweeps"), name, rows)
        trials = [one.info.run_id for each in experiments for one in store.runs(each, tags={"smis.sweep": name})]
    except failures() as error:
        settings.say(
            f"MLflow does not answer at {uri} ({settings.reason(error)}); the summary stays in {SWEEPS / name}"
        )
        return
    print(f"sweep {name}  {settings.comparison(uri, experiments=experiments, runs=trials[:_COMPARED])}")


def _publish(store: Store, experiment: str, name: str, rows: list[dict[str, Any]]) -> None:
    own = {"smis.sweep.name": name}
    there = store.runs(experiment, tags=own)
    one = there[0].info.run_id if there else store.start(experiment, name=name, tags=own)
    store.log_points(one, [Point(row["number"], int(time.time() * 1000), _values(row)) for row in rows])
    for file in ("summary.md", "summary.json"):
        store.log_file(one, SWEEPS / name / file)
    store.end(one)


def _values(row: dict[str, Any]) -> dict[str, float]:
    means = {metric: mean for metric, (mean, _) in row["metrics"].items()}
    return means | {f"{metric}_std": std for metric, (_, std) in row["metrics"].items() if std is not None}


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
