"""A cell of the real pipeline is made again from its run in MLflow, on a clean clone, byte for byte."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from .test_whole_pipeline import NARROW, ROOT, SMALL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MODEL = "smis/models/vspade.py"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A repository with the project's code, in which one small cell was made from a changed file, and published."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("smis", "pipelines", "raw/paperdoll", "dvc.yaml", ".dvcignore", ".gitignore", "params.yaml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "init", "--quiet")
    run(folder, "git", "add", "--all")
    run(folder, "git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "the project")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["axes"] |= {"dataset": ["paperdoll"], "system": ["vspade"]}
    params["datasets"] = {"paperdoll": params["datasets"]["paperdoll"] | {"train": 16, "validation": 2, "test": 3}}
    params["systems"] = {"vspade": NARROW}
    (folder / "params.yaml").write_text(yaml.safe_dump(params | SMALL | {"reference": {"images": 16}}))
    with (folder / MODEL).open("a") as file:
        file.write("# in no commit\n")
    stages = yaml.safe_load(run(folder, "dvc", "stage", "list", "--name-only").replace("\n", ": {}\n"))
    (evaluate,) = [name for name in stages if name.startswith("evaluate@")]
    run(folder, "dvc", "repro", "--quiet", evaluate)
    run(folder, sys.executable, "-m", "pipelines.tracking")
    yield folder
    shutil.rmtree(folder)


def run(folder: Path, *command: str, **variables: str) -> str:
    here = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(folder)} | variables
    done = subprocess.run(command, cwd=folder, env=os.environ | here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_same_bytes_come_from_the_run_alone_on_a_clean_clone(project: Path) -> None:
    clone = project.parent / "clone"
    run(project, "git", "clone", "--quiet", ".", str(clone))
    command = [sys.executable, "-m", "pipelines.tracking.reproduce", "paperdoll/vspade", "--folder", "again", "--run"]
    printed = run(clone, *command, MLFLOW_TRACKING_URI=f"sqlite:///{project / 'mlflow.db'}")
    (checkpoint,) = project.glob("runs/**/checkpoint.safetensors")
    again = clone / "again"
    assert (again / checkpoint.relative_to(project)).read_bytes() == checkpoint.read_bytes()
    assert (again / MODEL).read_text().endswith("# in no commit\n")
    assert "made on" in printed
    assert "processor" in printed
    same = {line.split()[-1] for line in printed.splitlines() if line.startswith("the same bytes")}
    written = {path.relative_to(project).as_posix() for path in (checkpoint, *checkpoint.parent.glob("samples"))}
    assert same >= {"data/paperdoll", *written}
