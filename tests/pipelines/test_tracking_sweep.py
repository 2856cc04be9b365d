"""A sweep in MLflow: its trials are runs like all others that say whose they are; it has a run of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import tracking
from pipelines.tracking import sweep

from .conftest import write_cell

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")


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
    assert tracking.publish("paperdoll", "groupdnet")
    (run,) = runs(f"sqlite:///{workspace / 'mlflow.db'}", "smis/paperdoll")
    assert run.info.run_name == "rates 3: groupdnet, ema 0.99, seed 1"
    assert (run.data.tags["smis.sweep"], run.data.tags["smis.trial"]) == ("rates", "3")
    assert run.info.artifact_uri.startswith((workspace / "mlartifacts").as_uri())
    assert not (trial / "mlartifacts").exists()


def test_the_sweeps_own_run_has_means_and_deviations_by_trial_and_the_page_that_compares(
    trial: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    tracking.publish("paperdoll", "groupdnet")
    monkeypatch.chdir(workspace)
    folder = workspace / sweep.SWEEPS / "rates"
    setting = {"dataset": "paperdoll", "system": "groupdnet", "train.ema": 0.99}
    rows = [
        {"number": 3, "setting": setting, "metrics": {"mCSD": [0.05, 0.01]}},
        {"number": 4, "setting": setting, "metrics": {"mCSD": [0.07, None]}},
        {"number": 5, "setting": setting, "metrics": {}},
    ]
    (folder / "summary.json").write_text(json.dumps(rows))
    (folder / "summary.md").write_text("# Sweep rates\n")
    for _ in range(2):
        sweep.main("rates")
    uri = f"sqlite:///{workspace / 'mlflow.db'}"
    (own,) = runs(uri, "smis/sweeps")
    client = MlflowClient(uri)
    means = {point.step: point.value for point in client.get_metric_history(own.info.run_id, "mCSD")}
    deviations = {point.step: point.value for point in client.get_metric_history(own.info.run_id, "mCSD_std")}
    assert (means, deviations) == ({3: 0.05, 4: 0.07}, {3: 0.01})
    assert {"summary.md", "summary.json"} <= {entry.path for entry in client.list_artifacts(own.info.run_id)}
    (of_trial,) = runs(uri, "smis/paperdoll")
    assert of_trial.info.run_id in capsys.readouterr().out.splitlines()[-1]
