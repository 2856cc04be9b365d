"""What was found right is not checked again, and what changed is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import params
from smis.core.errors import ParamsError

ROOT = Path(__file__).parents[2]
PROBE = """
import runpy, sys
runpy.run_module("pipelines.params", run_name="__main__")
print("torch" in sys.modules)
"""


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose params.yaml was found right."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "raw/paperdoll").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    params.check_changes()
    return tmp_path


def imports_torch(folder: Path) -> bool:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", PROBE]
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout == "True\n"


def test_what_was_found_right_is_not_judged_again(checked: Path) -> None:
    assert not imports_torch(checked)


def test_a_comment_is_no_change(checked: Path) -> None:
    with (checked / "params.yaml").open("a") as file:
        file.write("# nothing\n")
    assert not imports_torch(checked)


def test_another_value_is_judged(checked: Path) -> None:
    path = checked / "params.yaml"
    path.write_text(path.read_text().replace("steps: ", "steps: 1"))
    assert imports_torch(checked)


def test_a_mistake_is_told_each_time(checked: Path) -> None:
    with (checked / "params.yaml").open("a") as file:
        file.write("tarin: {}\n")
    for _ in range(2):
        with pytest.raises(ParamsError, match="tarin: there is no such section"):
            params.check_changes()


def test_other_code_judges_anew(tmp_path: Path) -> None:
    rules = tmp_path / "smis" / "rules.py"
    rules.parent.mkdir()
    rules.write_text("LEAST = 1\n")
    before = params._digest({}, code=tmp_path)
    rules.write_text("LEAST = 2\n")
    assert params._digest({}, code=tmp_path) != before


def test_raw_data_that_dvc_would_miss_without_a_word_is_told(checked: Path) -> None:
    (checked / "raw/paperdoll").rmdir()
    with pytest.raises(ParamsError, match=r"^there is no raw/paperdoll, .*; put the raw files there, or a link"):
        params.check_changes()
    (checked / "raw/paperdoll.dvc").touch()
    with pytest.raises(ParamsError, match=r"; `dvc pull raw/paperdoll` downloads it$"):
        params.check_changes()
