"""Several seeds in MLflow: a run each, and one with their means, in a real SQLite store."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pipelines.tracking.lineage import find_lineage
from smis.core.errors import ParamsError

from .conftest import write_cell

SYSTEMS, SEEDS = ("groupdnet", "inade"), (0, 1, 2)
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),  # MLflow's own, at its import
]


def runs(database: str) -> dict[str, Any]:
    from mlflow import MlflowClient

    client = MlflowClient(database)
    found = client.get_experiment_by_name("smis/paperdoll")
    assert found is not None
    return {str(run.info.run_name): run for run in client.search_runs([found.experiment_id])}


def publish(seeds: tuple[int, ...] = SEEDS) -> None:
    """Write cells that are not there yet, and run the command."""
    Path("params.yaml").write_text(f"axes: {{dataset: [paperdoll], system: {[*SYSTEMS]}, seed: {[*seeds]}}}\n")
    for system in SYSTEMS:
        for seed in seeds:
            if not Path("runs/paperdoll", system, f"seed-{seed}").exists():
                write_cell(system, seed=seed, mocd=0.1 * (seed + 1))
    import_module("pipelines.tracking.__main__").main()


def test_a_seed_is_a_run_and_their_mean_is_one_more_of_the_same_cell(database: str) -> None:
    publish()
    found = runs(database)
    named = {f"{system}, {what}" for system in SYSTEMS for what in ("seed 0", "seed 1", "seed 2", "mean of 3 seeds")}
    assert found.keys() == named
    own = {name: run for name, run in found.items() if name.startswith("inade")}
    assert {run.data.tags["smis.cell"] for run in own.values()} == {"paperdoll/inade"}
    assert {run.data.tags.get("smis.seed") for run in own.values()} == {"0", "1", "2", None}
    mean = own["inade, mean of 3 seeds"]
    assert mean.info.status == "FINISHED"
    assert mean.data.metrics == pytest.approx({"mOCD": 0.2, "mOCD_std": 0.1})
    assert mean.data.params == {"seed": "mean of 0, 1, 2", "train.steps": "30", "system.width": "8"}
    assert mean.data.tags["smis.seeds"] == "0, 1, 2"
    assert "smis.checkpoint" not in mean.data.tags
    for seed in SEEDS:
        assert own[f"inade, seed {seed}"].info.run_id in mean.data.tags["mlflow.note.content"]


def test_a_mean_was_made_by_no_one_training(database: str) -> None:
    publish((0, 1))
    mean = runs(database)["inade, mean of 2 seeds"].info.run_id
    message = f"^run {mean} holds the means over seeds 0, 1; name one of them, such as paperdoll/inade/seed-0$"
    with pytest.raises(ParamsError, match=message):
        find_lineage(mean)


def test_the_pages_show_the_means_beside_the_seeds(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    from mlflow import MlflowClient

    publish((0, 1))
    *_, table, compared = capsys.readouterr().out.splitlines()
    found = runs(database)
    assert len(found) == 6
    assert all(run.info.run_id in compared for run in found.values())
    client = MlflowClient(database)
    experiment = client.get_experiment_by_name("smis/paperdoll")
    assert experiment is not None
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.{table.rpartition('viewStateShareKey=')[2]}"])
    shown = client.search_runs([experiment.experiment_id], view["searchFilter"])
    assert {run.info.run_name for run in shown} == found.keys()
    assert {"params.`seed`", "metrics.`mOCD`", "metrics.`mOCD_std`"} <= set(view["selectedColumns"])


def test_nothing_is_sent_twice(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    publish((0, 1))
    first = capsys.readouterr().out
    Path(".scratch/tracking/comparison.json").unlink()
    publish((0, 1))
    assert capsys.readouterr().out == first
    assert len(runs(database)) == 6


def test_a_seed_more_is_another_mean_in_the_place_of_the_former(database: str) -> None:
    publish((0, 1))
    publish((0, 1, 2))
    found = runs(database)
    for system in SYSTEMS:
        former, mean = found[f"{system}, mean of 2 seeds"], found[f"{system}, mean of 3 seeds"]
        assert former.data.tags["smis.superseded"] == mean.info.run_id
        assert "smis.superseded" not in mean.data.tags


def test_one_seed_has_no_mean(database: str) -> None:
    publish((0,))
    assert runs(database).keys() == {"groupdnet, seed 0", "inade, seed 0"}
