"""The whole DAG on real photographs, run as a person runs it: `make repro` in a copy of the project without git."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from tests.photographs import lay_out

ROOT = Path(__file__).parents[2]
SYSTEMS = ("inade", "vspade")
MEASURED = {"stlpips_alex", "mCSD", "mOCD", "fd_stlpips_vgg", "mIoU", "accuracy", "images_per_second"}

SMALL: dict[str, Any] = {
    "reference": {"images": 64},
    "segmenter": {"steps": 12, "batch": 8},
    "train": {"steps": 4, "batch": 4, "grid_every": 4, "init_from": "smis/nn/initialize.py"},
    "sample": {"label_maps": 3, "samples": 2},
    "evaluate": {"resamples": 50, "timed_runs": 2},
}
NARROW: dict[str, Any] = {"preset": "paperdoll", "width": 4, "encoder_width": 8, "discriminator": {"width": 4}}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project's code and DAG with a folder of photographs, all cells run."""
    folder = tmp_path_factory.mktemp("project")
    for part in ("smis", "pipelines", "dvc.yaml", ".dvcignore", "Makefile"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    (folder / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc")
    (folder / ".venv").symlink_to(sys.prefix)
    run(folder, "dvc", "config", "--local", "core.no_scm", "true")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params |= {"axes": {"dataset": ["folder"], "system": list(SYSTEMS), "seed": [0]}}
    params["datasets"] = {"folder": lay_out(folder / "raw" / "folder") | {"root": "raw/folder"}}
    params["systems"] = {name: NARROW for name in SYSTEMS} | {"inade": NARROW | {"slots": 64}}
    write(folder, params | SMALL)
    (folder / "printed").write_text(run(folder, "make", "--assume-old", ".venv/.installed", "repro"))
    yield folder
    shutil.rmtree(folder)


def write(folder: Path, params: dict[str, Any]) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def run(folder: Path, *command: str) -> str:
    here = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "SMIS"))} | here
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=800, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def changed(folder: Path) -> set[str]:
    """Name the stages that would run."""
    return {name.partition(":")[2] or name for name in json.loads(run(folder, "dvc", "status", "--json"))}


def test_a_tree_without_git_is_run_to_its_table(project: Path) -> None:
    printed = (project / "printed").read_text()
    for system in SYSTEMS:
        assert f"folder/{system}/seed-0  http" in printed
    assert "mOCD" in printed


def test_every_cell_is_measured(project: Path) -> None:
    for system in SYSTEMS:
        metrics = json.loads((project / "metrics" / "folder" / system / "seed-0.json").read_text())
        assert set(metrics) >= MEASURED
        low, high = metrics["mIoU"]["interval"]
        assert 0 <= low <= metrics["mIoU"]["value"] <= high <= 1
        assert metrics["stlpips_alex"]["value"] > 0


def test_the_report_shows_every_system_in_table_and_pictures(project: Path) -> None:
    page = (project / "report" / "report.html").read_text()
    table = (project / "report" / "report.md").read_text()
    for system in SYSTEMS:
        assert f"| {system} |" in table
        assert system in page
    with Image.open(project / "report" / "comparison.png") as picture:
        assert min(picture.size) > 64


def test_a_second_time_nothing_runs_and_one_systems_change_touches_its_cells_alone(project: Path) -> None:
    assert changed(project) == set()
    before = (project / "params.yaml").read_text()
    params = yaml.safe_load(before)
    params["systems"]["inade"]["width"] = 8
    write(project, params)
    assert changed(project) == {"train@folder-inade-0"}
    (project / "params.yaml").write_text(before)
    with (project / "smis" / "models" / "vspade.py").open("a") as file:
        file.write("# changed\n")
    assert changed(project) == {f"{stage}@folder-vspade-0" for stage in ("train", "sample", "evaluate")}
    shutil.copy(ROOT / "smis" / "models" / "vspade.py", project / "smis" / "models" / "vspade.py")


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
def test_mlflow_has_one_run_for_each_cell(project: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments)
    assert len(runs) == len(SYSTEMS)
    for each in runs:
        assert each.data.metrics["mOCD"] >= 0
        assert each.data.params["train.steps"] == "4"
        assert {file.path for file in client.list_artifacts(each.info.run_id)} >= {"images", "metrics", "tables"}
