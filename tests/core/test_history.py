import json
from pathlib import Path

import pytest

from smis.core.errors import DiskError
from smis.core.history import HistoryLogger, read_history


def _steps(path: Path) -> list[int]:
    return [json.loads(text)["step"] for text in path.read_text().splitlines()]


def test_history_is_a_line_for_each_step(tmp_path: Path) -> None:
    history = HistoryLogger(tmp_path / "history.jsonl")
    history.log(10, {"GAN": 1.5})
    history.log_image(10, "grid", tmp_path / "grid.png")
    assert (tmp_path / "history.jsonl").read_text() == '{"step": 10, "GAN": 1.5}\n'


def test_history_forgets_what_came_after_the_step_from_which_a_run_goes_on(tmp_path: Path) -> None:
    history = HistoryLogger(tmp_path / "history.jsonl")
    for step in (10, 20, 30):
        history.log(step, {"GAN": 1.0})
    HistoryLogger(tmp_path / "history.jsonl", after=20).log(25, {"GAN": 2.0})
    assert _steps(tmp_path / "history.jsonl") == [10, 20, 25]


def test_a_line_that_was_cut_off_by_a_kill_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 10, "GAN": 1.0}\n{"step": 20, "GA')
    HistoryLogger(tmp_path / "history.jsonl", after=20).log(20, {"GAN": 2.0})
    assert _steps(tmp_path / "history.jsonl") == [10, 20]


def test_a_history_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    history = HistoryLogger(tmp_path / "history.jsonl")
    (tmp_path / "history.jsonl").unlink()
    (tmp_path / "history.jsonl").mkdir()
    with pytest.raises(DiskError, match=r"cannot write .*history.jsonl: is a directory; free"):
        history.log(1, {})


def test_of_a_step_that_was_logged_twice_the_last_row_counts_and_an_absent_history_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert read_history(path) == []
    path.write_text('{"step": 1, "GAN": 1.0}\n{"step": 2, "GAN": 2.0}\n{"step": 1, "GAN": 3.0}\n')
    assert read_history(path) == [{"step": 1, "GAN": 3.0}, {"step": 2, "GAN": 2.0}]
