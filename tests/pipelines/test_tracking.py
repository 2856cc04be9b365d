"""MLflow on a SQLite file, as `make repro` uses it."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pipelines import tracking
from pipelines.cell import Cell
from pipelines.tracking.cell_outputs import CellOutputs, flatten
from pipelines.tracking.client import LOCAL_PAGE, STATE
from tests.studio.study import studies

from .conftest import PARAMETERS, STEPS, wait_for, write_cell, write_metrics

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")


def the_runs(uri: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiments = [e.experiment_id for e in client.search_experiments() if e.name.startswith("smis/")]
    return list(client.search_runs(experiments)) if experiments else []


def curve(uri: str, run: str, key: str) -> list[int]:
    from mlflow import MlflowClient

    return [metric.step for metric in MlflowClient(uri).get_metric_history(run, key)]


def test_a_cell_is_published_with_everything_that_its_files_hold(database: str) -> None:
    from mlflow import MlflowClient

    write_cell()
    link = tracking.publish(Cell("paperdoll", "groupdnet", 0))
    (run,) = the_runs(database)
    page = f"{LOCAL_PAGE}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    assert link == f"{page}?workflowType=machine_learning"
    assert run.info.run_name == "groupdnet, seed 0"
    assert run.info.status == "FINISHED"
    assert run.data.params == PARAMETERS
    assert run.data.metrics["mOCD"] == 0.15
    assert run.data.metrics["mOCD_low"] == pytest.approx(0.10)
    assert run.data.metrics["mOCD_high"] == pytest.approx(0.20)
    assert curve(database, run.info.run_id, "train/GAN") == list(STEPS)
    assert run.data.tags["smis.checkpoint"] == CellOutputs(Cell("paperdoll", "groupdnet", 0)).digest
    assert run.data.tags["smis.device"] == "cpu"
    client = MlflowClient(database)
    paths = {
        entry.path
        for folder in ("tables", "metrics", "images")
        for entry in client.list_artifacts(run.info.run_id, folder)
    }
    assert {"tables/diversity.parquet", "tables/classes.png", "metrics/seed-0.json"} <= paths
    assert sum("grid+step+10+" in path and path.endswith(".png") for path in paths) == 1


def test_publishing_twice_makes_one_run_and_sends_nothing_twice(database: str) -> None:
    write_cell()
    first = tracking.publish(Cell("paperdoll", "groupdnet", 0))
    stamp = Path(STATE, "paperdoll/groupdnet/seed-0.json")
    stamp.unlink()
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0)) == first
    (run,) = the_runs(database)
    assert curve(database, run.info.run_id, "train/GAN") == list(STEPS)
    assert len(curve(database, run.info.run_id, "mOCD")) == 1


def test_a_cell_that_mlflow_has_never_seen_is_tagged_as_restored(database: str) -> None:
    write_cell()
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    (run,) = the_runs(database)
    assert run.data.tags["smis.restored"] == "true"


def test_nothing_new_is_seen_without_importing_mlflow(database: str) -> None:
    write_cell()
    link = tracking.publish(Cell("paperdoll", "groupdnet", 0))
    lines = [
        "import sys",
        "from pipelines import tracking",
        "from pipelines.cell import Cell",
        "print(tracking.publish(Cell('paperdoll', 'groupdnet', 0)))",
    ]
    lines.append("assert 'mlflow' not in sys.modules and 'torch' not in sys.modules")
    here = str(Path(tracking.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([f"import sys; sys.path.insert(0, {here!r})", *lines])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == link


def test_a_run_that_was_deleted_in_mlflow_is_sent_again_whatever_the_stamp_says(database: str) -> None:
    from mlflow import MlflowClient

    write_cell()
    first = tracking.publish(Cell("paperdoll", "groupdnet", 0))
    (run,) = the_runs(database)
    MlflowClient(database).delete_run(run.info.run_id)
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0)) != first
    assert len(the_runs(database)) == 1


def test_values_measured_anew_replace_the_old_ones_in_the_same_run(database: str) -> None:
    write_cell()
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    write_metrics("groupdnet", mocd=0.25)
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    (run,) = the_runs(database)
    assert run.data.metrics["mOCD"] == 0.25


def test_what_volunteers_say_is_added_to_the_run(database: str, tmp_path: Path) -> None:
    write_cell()
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    place = Path("metrics/paperdoll/study/she.json")
    place.parent.mkdir()
    place.write_text(studies.report(tmp_path, ["groupdnet", "inade"]))
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    (run,) = the_runs(database)
    assert {name: value for name, value in run.data.metrics.items() if name.startswith("SHE")} == {
        "SHE": 100,
        "SHE_low": 100,
        "SHE_high": 100,
    }


def test_the_same_weights_measured_with_other_parameters_are_another_run(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cell()
    Path("params.yaml").write_text("evaluate: {samples: 20}")
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    Path("params.yaml").write_text("evaluate: {samples: 10}")
    monkeypatch.setattr(CellOutputs, "parameters", lambda cell: {**PARAMETERS, "seed": "1"})
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    assert sorted(run.data.params["seed"] for run in the_runs(database)) == ["0", "1"]


def test_a_live_training_and_its_publication_are_one_run(database: str, workspace: Path) -> None:
    write_cell()
    live = tracking.start_run(
        Cell("paperdoll", "groupdnet", 0), {"seed": 0, "train": {"steps": 30}}, state=workspace / "state"
    )
    live.log(10, {"GAN": 0.1, "D_Fake": 0.5})
    live.log_image(10, "grid", CellOutputs(Cell("paperdoll", "groupdnet", 0)).grids()[10])
    live.finish()
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    (run,) = the_runs(database)
    assert "smis.restored" not in run.data.tags
    assert run.data.params == PARAMETERS
    assert curve(database, run.info.run_id, "train/GAN") == list(STEPS)
    assert any(key.startswith("system/") for key in run.data.metrics)


def test_a_killed_training_goes_on_in_the_same_run(database: str, workspace: Path) -> None:
    first = tracking.start_run(Cell("paperdoll", "groupdnet", 0), {"seed": 0}, state=workspace / "state")
    first.log(10, {"GAN": 0.1})
    first.log(20, {"GAN": 0.2})
    first.close()
    (run,) = the_runs(database)
    assert run.info.status == "KILLED"
    second = tracking.start_run(Cell("paperdoll", "groupdnet", 0), {"seed": 0}, state=workspace / "state", after=10)
    second.log(20, {"GAN": 0.2})
    second.log(30, {"GAN": 0.3})
    second.close()
    (run,) = the_runs(database)
    assert curve(database, run.info.run_id, "train/GAN") == [10, 20, 30]


def test_what_was_sent_arrives_once_though_the_answer_was_lost(
    database: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    log_batch, lost = MlflowClient.log_batch, []

    def lose_one_answer(client: Any, run: str, metrics: Any = (), *others: Any) -> None:
        log_batch(client, run, metrics, *others)
        if "train/GAN" in {metric.key for metric in metrics} and not lost:
            lost.append(run)
            raise MlflowException("the connection was reset")

    monkeypatch.setattr(MlflowClient, "log_batch", lose_one_answer)
    live = tracking.start_run(Cell("paperdoll", "groupdnet", 0), {"seed": 0}, state=workspace / "state")
    live.log(10, {"GAN": 0.1})
    wait_for(lambda: bool(lost), seconds=30, what="the lost answer")
    live.log(20, {"GAN": 0.2})
    live.close()
    (run,) = the_runs(database)
    assert curve(database, run.info.run_id, "train/GAN") == [10, 20]
    history = MlflowClient(database).get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")
    assert len({metric.timestamp for metric in history}) == len(history) > 0


def test_the_command_prints_a_link_for_each_cell_of_the_axes(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").write_text("axes: {dataset: [paperdoll], system: [groupdnet, inade], seed: [0]}\n")
    write_cell("groupdnet")
    write_cell("inade")
    import_module("pipelines.tracking.__main__").main()
    links = {run.info.run_name: run.info.run_id for run in the_runs(database)}
    lines = capsys.readouterr().out.splitlines()
    titles = ["paperdoll/groupdnet/seed-0", "paperdoll/inade/seed-0", "all cells of paperdoll", "all cells, compared"]
    assert [line.rpartition("  ")[0] for line in lines] == titles
    assert [links[f"{line.split('/')[1]}, seed 0"] in line for line in lines[:2]] == [True, True]
    assert all(run in lines[3] for run in links.values())
    assert "/#/compare-runs?runs=" in lines[3]  # the page looks for ?runs


def test_the_table_of_all_cells_shows_what_was_measured_and_what_differs(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setattr(CellOutputs, "parameters", lambda cell: {**PARAMETERS, "system": cell.system, "same": "1"})
    Path("params.yaml").write_text("axes: {dataset: [paperdoll], system: [groupdnet, inade], seed: [0]}\n")
    write_cell("groupdnet")
    write_cell("inade")
    write_cell("spade")  # which no axis names
    tracking.publish(Cell("paperdoll", "spade", 0))
    import_module("pipelines.tracking.__main__").main()
    table = capsys.readouterr().out.splitlines()[2]
    client = MlflowClient(database)
    experiment = client.get_experiment_by_name("smis/paperdoll")
    assert experiment is not None
    key = table.rpartition("viewStateShareKey=")[2]
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.{key}"])
    found = client.search_runs([experiment.experiment_id], view["searchFilter"])
    assert {run.info.run_name for run in found} == {"groupdnet, seed 0", "inade, seed 0"}
    assert view["selectedColumns"] == ["params.`system`", "params.`seed`", "params.`train.steps`", "metrics.`mOCD`"]


def test_pages_that_are_known_are_printed_without_importing_mlflow(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text("axes: {dataset: [paperdoll], system: [groupdnet, inade], seed: [0]}\n")
    write_cell("groupdnet")
    write_cell("inade")
    import_module("pipelines.tracking.__main__").main()
    here = str(Path(tracking.__file__).parents[2])
    lines = [
        "import sys",
        f"sys.path.insert(0, {here!r})",
        "from pipelines.tracking.__main__ import main",
        "main()",
    ]
    lines.append("assert 'mlflow' not in sys.modules and 'torch' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert done.stdout == capsys.readouterr().out
    assert len(done.stdout.splitlines()) == 4


def test_tracking_can_be_turned_off(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_TRACKING", "off")
    write_cell()
    live = tracking.start_run(Cell("paperdoll", "groupdnet", 0), {}, state=workspace / "state")
    live.log(1, {"GAN": 1.0})
    live.finish()
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0)) is None
    assert not Path("mlflow.db").exists()


def test_a_cell_without_files_is_not_published(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tracking.publish(Cell("paperdoll", "inade", 0)) is None
    assert "paperdoll/inade/seed-0 is incomplete" in capsys.readouterr().err


def test_files_of_other_parameters_are_not_published_under_the_new_ones(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cell()
    locked = {"systems.groupdnet": {"width": 8, "rate": 0.0001}, "train": {"steps": 30}}
    stage = {"params": {"params.yaml": locked}}
    Path("dvc.lock").write_text(json.dumps({"stages": {"train@paperdoll-groupdnet-0": stage}}))
    Path("params.yaml").write_text("systems: {groupdnet: {width: 8, rate: 1e-4}}\ntrain: {steps: 60}\n")
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0)) is None
    assert "made with other parameters (train);" in capsys.readouterr().err


def test_the_data_are_named_by_the_hash_that_dvc_knows(workspace: Path) -> None:
    outs = [{"path": "data/paperdoll", "md5": "0123.dir"}]
    Path("dvc.lock").write_text(json.dumps({"stages": {"prepare@paperdoll": {"outs": outs}}}))
    assert CellOutputs(Cell("paperdoll", "inade", 0)).data_md5() == "0123.dir"
    assert CellOutputs(Cell("paperdoll", "inade", 0)).tags()["smis.data"] == "0123.dir"


ALL_SECTIONS = """
datasets: {paperdoll: {}}
systems: {groupdnet: {preset: paperdoll}}
prepare: {}
reference: {}
segmenter: {}
train: {steps: 30}
validation: {}
sample: {}
evaluate: {}
"""


def test_the_parameters_of_a_run_are_those_of_every_stage_with_defaults_and_presets_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(ALL_SECTIONS)
    flat = CellOutputs(Cell("paperdoll", "groupdnet", 0)).parameters()
    assert {"seed", "train.steps", "dataset.size", "sample.label_maps", "evaluate.pairs"} <= flat.keys()
    assert flat["train.steps"] == "30"
    assert any(key.startswith("system.") for key in flat)
    assert not any(key.startswith(("report", "axes")) for key in flat)


def test_numbers_among_the_parameters_stay_numbers() -> None:
    flat = flatten({"train": {"rate": 0.0002, "steps": 700, "ema": True}, "system": {"name": "a", "parts": [1, 2]}})
    assert flat == {
        "train.rate": "0.0002",
        "train.steps": "700",
        "train.ema": "true",
        "system.name": "a",
        "system.parts": "[1, 2]",
    }
