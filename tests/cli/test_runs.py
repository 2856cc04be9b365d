import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from smis.cli import main
from smis.training.loggers import STATUS_FILE, RunStatus, RunStatusLogger

STEPS, BATCH = 100, 8


def beat(folder: Path, *, step: int = 40) -> RunStatus:
    path = folder / ".scratch" / "train-a" / STATUS_FILE
    logger = RunStatusLogger(path, title="inade on paperdoll", steps=STEPS, batch=BATCH, processes=2, device="cpu")
    logger.log(step, {"images_per_second": 16.0, "GAN": 1.0})
    status = RunStatus.read(path)
    assert status is not None
    return status


def rewrite(folder: Path, status: RunStatus) -> None:
    (folder / ".scratch" / "train-a" / STATUS_FILE).write_text(json.dumps(asdict(status)))


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def told(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["runs", str(folder), *words]) == 0
    return capsys.readouterr().out


def test_a_training_that_goes_on_says_where_and_how_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert beat(tmp_path).seconds_left == 60 * BATCH / 16
    said = told(tmp_path, capsys)
    for words in ("inade on paperdoll", "running", "40 of 100", "16.0", "30 s"):
        assert words in said
    (row,) = json.loads(told(tmp_path, capsys, "--json"))
    assert (row["alive"], row["processes"], row["step"]) == (True, 2, 40)


def test_a_training_whose_process_is_gone_has_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    rewrite(tmp_path, replace(beat(tmp_path), process=ended.pid))
    assert "stopped" in told(tmp_path, capsys)


def test_another_machine_is_believed_for_ten_minutes(tmp_path: Path) -> None:
    status = replace(beat(tmp_path), host="elsewhere", process=1)
    assert status.alive
    assert not replace(status, at=status.at - 601).alive


def test_nothing_and_what_cannot_be_read_are_no_trainings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no training" in told(tmp_path, capsys)
    beat(tmp_path)
    (tmp_path / ".scratch" / "train-a" / STATUS_FILE).write_text("{")
    assert "no training" in told(tmp_path, capsys)


def test_a_workspace_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(tmp_path / "nope")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: there is no folder")
    assert "nope" in line
