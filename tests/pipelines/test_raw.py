"""Raw files that DVC tracks: `raw/NAME` is what `prepare@NAME` depends on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.photographs import lay_out

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(600)


def run(folder: Path, *words: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    here = {"PATH": path, "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1", "SMIS_WORKERS": "1"}
    ran = subprocess.run(words, cwd=folder, env=os.environ | here, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def stale(folder: Path) -> bool:
    return "Running stage 'prepare@folder'" in run(folder, "dvc", "repro", "--dry", "prepare@folder")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine with a clone, photographs that it tracks and has prepared, and a remote."""
    folder = tmp_path_factory.mktemp("first") / "clone"
    (folder / "raw").mkdir(parents=True)
    for part in ("smis", "pipelines", "raw/paperdoll"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    stage = {"prepare": yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["prepare"]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stage}))
    sections = {"folder": lay_out(folder / "raw" / "folder") | {"root": "raw/folder"}, "paperdoll": {"train": 8}}
    params = {"axes": {"dataset": list(sections)}, "prepare": {}, "datasets": sections}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / ".gitignore").write_text("__pycache__/\n/data/\n.scratch/\n")
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "init", "--quiet")
    shutil.copy(ROOT / ".dvcignore", folder)
    run(folder, "dvc", "remote", "add", "--default", "store", str(folder.parent / "remote"))
    run(folder, "dvc", "add", "raw/folder")
    run(folder, "dvc", "repro", "--quiet")
    run(folder, "dvc", "push", "--run-cache", "--quiet")
    run(folder, "git", "add", "--all")
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    run(folder, "git", *name, "commit", "--quiet", "--message", "prepared")
    return folder


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Path:
    """Another machine's clone, as git brings it."""
    run(tmp_path, "git", "clone", "--quiet", str(first), "clone")
    return tmp_path / "clone"


def test_a_clone_that_has_pulled_has_nothing_to_prepare(second: Path) -> None:
    run(second, "dvc", "pull", "--quiet")
    assert "Data and pipelines are up to date" in run(second, "dvc", "repro")


def test_a_clone_without_the_raw_files_can_have_what_was_made_of_them(second: Path) -> None:
    run(second, "dvc", "pull", "--quiet", "data/folder", "data/paperdoll")
    assert "up to date" in run(second, "dvc", "repro", "--allow-missing")
    assert not (second / "raw" / "folder").exists()


def test_a_raw_file_that_changes_makes_its_own_data_set_stale(second: Path) -> None:
    run(second, "dvc", "pull", "--quiet")
    shutil.copy(second / "raw/folder/images/voc-train.jpg", second / "raw/folder/images/voc-test.jpg")
    run(second, "dvc", "add", "raw/folder")
    assert stale(second)
    assert "Stage 'prepare@paperdoll' didn't change" in run(second, "dvc", "repro", "--dry", "prepare@paperdoll")


def test_an_imported_archive_makes_its_data_set_stale_when_its_source_changes(second: Path, tmp_path: Path) -> None:
    run(second, "dvc", "remove", "raw/folder.dvc")
    lay_out(tmp_path / "source")
    run(second, "dvc", "import-url", str(tmp_path / "source"), "raw/folder")
    run(second, "dvc", "repro", "--quiet", "prepare@folder")
    assert not stale(second)
    (tmp_path / "source" / "images" / "voc-test.jpg").write_bytes(
        (tmp_path / "source/images/voc-train.jpg").read_bytes()
    )
    run(second, "dvc", "update", "raw/folder.dvc")
    assert stale(second)
