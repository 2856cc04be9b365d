"""A sweep in MLflow: its trials are runs like all others that say whose they are; it has a run of its own."""

import json
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipelines import tracking
from pipelines.cell import Cell
from pipelines.tracking import shared_view
from pipelines.tracking.cell_outputs import CellOutputs
from pipelines.tracking.client import TrackingClient

from .conftest import write_cell
from .swept import Swept, swept

__all__ = ["swept"]
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),  # MLflow's own, at its import
]


@pytest.fixture
def trial(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trial's workspace below the main one, with its environment."""
    folder = workspace / ".scratch" / "sweeps" / "rates" / "trial-0003-seed-1"
    folder.mkdir(parents=True)
    told = {"SMIS_SWEEP": "rates", "SMIS_TRIAL": "3", "SMIS_RUN": "rates 3: groupdnet, ema 0.99, seed 1"}
    for name, value in {**told, "MLFLOW_TRACKING_URI": f"sqlite:///{workspace / 'mlflow.db'}"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    write_cell()
    return folder


def runs(uri: str, experiment: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


def test_a_trials_run_is_named_by_what_is_special_and_lies_in_the_main_workspace(trial: Path, workspace: Path) -> None:
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0))
    (run,) = runs(f"sqlite:///{workspace / 'mlflow.db'}", "smis/paperdoll")
    assert run.info.run_name == "rates 3: groupdnet, ema 0.99, seed 1"
    assert (run.data.tags["smis.sweep"], run.data.tags["smis.trial"]) == ("rates", "3")
    assert run.info.artifact_uri.startswith((workspace / "mlartifacts").as_uri())
    assert not (trial / "mlartifacts").exists()


def test_a_trial_that_was_lost_and_repeated_elsewhere_is_one_row(trial: Path, workspace: Path) -> None:
    uri = f"sqlite:///{workspace / 'mlflow.db'}"
    lost = TrackingClient()
    for seed in ("0", "1"):
        experiment, tags = lost.experiment("smis/paperdoll"), CellOutputs(Cell("paperdoll", "groupdnet", 0)).tags()
        half = lost.api.create_run(experiment, run_name=f"seed {seed}", tags=tags)
        lost.api.log_param(half.info.run_id, "seed", seed)
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    found = {run.info.run_name: run for run in runs(uri, "smis/paperdoll")}
    rows = {name: run.info.status for name, run in found.items() if "smis.sweep" in run.data.tags}
    assert rows == {"seed 1": "RUNNING", "rates 3: groupdnet, ema 0.99, seed 1": "FINISHED"}
    whole = found["rates 3: groupdnet, ema 0.99, seed 1"].info.run_id
    assert (found["seed 0"].info.status, found["seed 0"].data.tags["smis.superseded"]) == ("KILLED", whole)


def test_the_sweeps_own_run_has_the_best_the_means_by_trial_the_summary_and_a_row_of_samples_each(
    swept: Swept,
) -> None:
    from mlflow import MlflowClient

    swept.add(3, "groupdnet", mcsd=0.05, deviation=0.01)
    swept.add(4, "vspade", mcsd=0.07)
    swept.fail(5)
    for _ in range(2):
        swept.summarize(best=3)
    (own,) = runs(swept.uri, "smis/sweeps")
    client = MlflowClient(swept.uri)
    curves = {key: client.get_metric_history(own.info.run_id, f"trials/mCSD{key}") for key in ("", "_std")}
    found = {key: {point.step: point.value for point in points} for key, points in curves.items()}
    assert found == {"": {3: 0.05, 4: 0.07}, "_std": {3: 0.01}}
    assert (own.data.metrics["mCSD"], own.data.metrics["mCSD_std"]) == (0.05, 0.01)
    paths = {entry.path for folder in (None, "plots") for entry in client.list_artifacts(own.info.run_id, folder)}
    assert {"summary.md", "summary.json", "samples.png", "plots/history-mCSD.png"} <= paths
    note = own.data.tags["mlflow.note.content"]
    assert note.splitlines()[0] == "* Best: trial 3: groupdnet, ema 0.99, mCSD 0.05 ± 0.01, `models:/smis-rates@best`"
    assert "# Sweep rates" in note
    with Image.open(client.download_artifacts(own.info.run_id, "samples.png")) as rows:
        both = rows.size
    (trial, *_) = runs(swept.uri, "smis/paperdoll")
    with Image.open(client.download_artifacts(trial.info.run_id, "samples.png")) as row:
        assert both[0] == row.size[0]
        assert 2 * row.size[1] < both[1] < 3 * row.size[1]


def test_it_says_where_its_trials_are_compared_and_how_its_best_model_is_loaded(
    swept: Swept, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    swept.add(3, "groupdnet", mcsd=0.05)
    swept.summarize(best=3)
    ranked, side, model = (line.split("  ") for line in capsys.readouterr().out.splitlines())
    (trial,) = runs(swept.uri, "smis/paperdoll")
    assert ranked[0] == "sweep rates on paperdoll, best first"
    assert side[0] == "sweep rates, comparison"
    assert trial.info.run_id in side[1]
    assert model == ["sweep rates, best model", "models:/smis-rates@best"]
    key = ranked[1].partition("viewStateShareKey=")[2]
    experiment = MlflowClient(swept.uri).get_experiment(trial.info.experiment_id)
    state = json.loads(experiment.tags[f"mlflow.sharedViewState.{key}"])
    assert state["orderByKey"] == "metrics.`mCSD`"
    assert state["orderByAsc"] is False


def test_the_best_stand_side_by_side_however_many_runs_there_are(
    swept: Swept, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    for number, mcsd in enumerate((0.07, 0.05, 0.09, 0.01)):
        swept.add(number, "groupdnet", mcsd=mcsd)
    monkeypatch.setattr(shared_view, "MAX_COMPARED", 2)
    monkeypatch.setattr(MlflowClient, "search_runs", partialmethod(MlflowClient.search_runs, max_results=1))
    swept.summarize(best=2)
    monkeypatch.undo()
    (side,) = (line for line in capsys.readouterr().out.splitlines() if ", comparison" in line)
    found = {run.data.tags["smis.trial"]: run.info.run_id for run in runs(swept.uri, "smis/paperdoll")}
    places = [side.find(found[number]) for number in ("2", "0", "1", "3")]
    assert 0 < places[0] < places[1]
    assert places[2:] == [-1, -1]


def test_a_trial_that_was_restored_from_another_sweep_is_a_run_of_its_own(
    trial: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    again = workspace / "again"
    again.mkdir()
    monkeypatch.chdir(again)
    monkeypatch.setenv("SMIS_SWEEP", "wider")
    write_cell()
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    found = runs(f"sqlite:///{workspace / 'mlflow.db'}", "smis/paperdoll")
    assert {run.data.tags["smis.sweep"] for run in found} == {"rates", "wider"}
    for name in ("SWEEP", "TRIAL", "RUN"):
        monkeypatch.delenv(f"SMIS_{name}")
    Path(".scratch/tracking/paperdoll/groupdnet/seed-0.json").unlink()
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    assert len(runs(f"sqlite:///{workspace / 'mlflow.db'}", "smis/paperdoll")) == 2
