"""MLflow behind a real server, which is down at times."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import tracking
from pipelines.cell import Cell
from pipelines.tracking.cell_outputs import CellOutputs

from .conftest import STEPS, Door, wait_for, write_cell
from .test_tracking import curve, the_runs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]
ROOT = Path(tracking.__file__).parents[2]


def runs_of(door: Door, dataset: str) -> list:
    return [run for run in the_runs(door.uri) if run.data.tags["smis.dataset"] == dataset]


def test_what_a_training_says_while_the_server_is_down_arrives_later(
    door: Door, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cell(dataset="down")
    cell = CellOutputs(Cell("down", "groupdnet", 0))
    live = tracking.start_run(cell.cell, {"seed": 0}, state=workspace / "state", device="cpu")
    for step in STEPS:
        live.log(step, {"GAN": 1.0 / step, "D_Fake": 0.5})
    live.finish()
    assert tracking.publish(Cell("down", "groupdnet", 0)) is None
    said = capsys.readouterr().err
    assert said.count("the training goes on") == 1
    assert said.count("down/groupdnet/seed-0 will be sent by the next `make repro`") == 1

    door.open()
    link = tracking.publish(Cell("down", "groupdnet", 0))
    (run,) = runs_of(door, "down")
    page = f"{door.uri}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    assert link == f"{page}?workflowType=machine_learning"
    assert curve(door.uri, run.info.run_id, "train/GAN") == list(STEPS)
    assert "smis.restored" not in run.data.tags
    assert any(key.startswith("system/") for key in run.data.metrics)


def test_a_server_that_goes_down_while_training_costs_nothing_and_one_run_has_it_all(
    door: Door, workspace: Path
) -> None:
    write_cell(dataset="wavers")
    cell = CellOutputs(Cell("wavers", "groupdnet", 0))
    door.open()
    live = tracking.start_run(cell.cell, {"seed": 0}, state=workspace / "state")
    live.log(10, {"GAN": 0.1, "D_Fake": 0.5})
    wait_for(lambda: (workspace / "state" / "mlflow.json").exists(), seconds=30, what="the run")
    wait_for(lambda: "train/GAN" in runs_of(door, "wavers")[0].data.metrics, seconds=30, what="the first step")
    door.shut()
    live.log(20, {"GAN": 0.05, "D_Fake": 0.5})
    live.finish()
    door.open()
    tracking.publish(Cell("wavers", "groupdnet", 0))
    (run,) = runs_of(door, "wavers")
    assert curve(door.uri, run.info.run_id, "train/GAN") == list(STEPS)
    assert run.info.status == "FINISHED"
    assert run.data.tags["smis.checkpoint"] == cell.digest


def test_a_cell_restored_on_another_machine_is_logged_once(
    door: Door, tmp_path_factory: pytest.TempPathFactory
) -> None:
    door.open()
    links = set()
    for _ in range(2):
        os.chdir(tmp_path_factory.mktemp("machine"))
        write_cell(dataset="restored")
        links.add(tracking.publish(Cell("restored", "groupdnet", 0)))
    (run,) = runs_of(door, "restored")
    assert len(links) == 1
    assert run.data.tags["smis.restored"] == "true"


TRAINING = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from pipelines import tracking
from pipelines.cell import Cell
from pipelines.tracking import live_run
live_run.SEND_INTERVAL_S = 0.1
live = tracking.start_run(Cell("killed", "groupdnet", 0), {"seed": 0}, state=Path("state"))
live.log(10, {"GAN": 0.1, "D_Fake": 0.5})
time.sleep(60)
"""


def test_a_training_that_is_killed_and_repeated_is_one_run(door: Door, workspace: Path) -> None:
    write_cell(dataset="killed")
    door.open()
    process = subprocess.Popen([sys.executable, "-c", TRAINING, str(ROOT)], env={**os.environ, "SMIS_TRACKING": "on"})
    wait_for(lambda: (workspace / "state" / "mlflow.json").exists(), seconds=60, what="the run")
    wait_for(lambda: "train/GAN" in runs_of(door, "killed")[0].data.metrics, seconds=30, what="the first step")
    process.send_signal(signal.SIGKILL)
    process.wait()
    live = tracking.start_run(Cell("killed", "groupdnet", 0), {"seed": 0}, state=workspace / "state")
    for step in STEPS:
        live.log(step, {"GAN": 1.0 / step, "D_Fake": 0.5})
    live.finish()
    tracking.publish(Cell("killed", "groupdnet", 0))
    (run,) = runs_of(door, "killed")
    assert curve(door.uri, run.info.run_id, "train/GAN") == list(STEPS)
    assert run.info.status == "FINISHED"


def test_the_command_says_so_and_ends_well_when_the_server_is_down(door: Door) -> None:
    write_cell(dataset="command")
    Path("params.yaml").write_text("axes: {dataset: [command], system: [groupdnet], seed: [0]}\n")
    command = [sys.executable, "-m", "pipelines.tracking"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0
    assert "command/groupdnet/seed-0 will be sent by the next `make repro`" in done.stderr
