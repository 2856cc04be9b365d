import json
from pathlib import Path

import pytest

from smis.core.errors import DiskError
from smis.training.tracker import History, Several, Silence


def _steps(path: Path) -> list[int]:
    return [json.loads(text)["step"] for text in path.read_text().splitlines()]


def test_history_is_a_line_for_each_step(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.log(10, {"GAN": 1.5})
    history.picture(10, "grid", tmp_path / "grid.png")
    history.close()
    assert (tmp_path / "history.jsonl").read_text() == '{"step": 10, "GAN": 1.5}\n'


def test_history_forgets_what_came_after_the_step_from_which_a_run_goes_on(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    for step in (10, 20, 30):
        history.log(step, {"GAN": 1.0})
    History(tmp_path / "history.jsonl", after=20).log(25, {"GAN": 2.0})
    assert _steps(tmp_path / "history.jsonl") == [10, 20, 25]


def test_a_line_that_was_cut_off_by_a_kill_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 10, "GAN": 1.0}\n{"step": 20, "GA')
    History(tmp_path / "history.jsonl", after=20).log(20, {"GAN": 2.0})
    assert _steps(tmp_path / "history.jsonl") == [10, 20]


def test_a_history_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    (tmp_path / "history.jsonl").unlink()
    (tmp_path / "history.jsonl").mkdir()
    with pytest.raises(DiskError, match=r"cannot write .*history.jsonl: is a directory; free"):
        history.log(1, {})


def test_several_trackers_hear_everything_and_silence_keeps_nothing(tmp_path: Path) -> None:
    one, other = History(tmp_path / "one.jsonl"), History(tmp_path / "other.jsonl")
    several = Several(one, Silence(), other)
    several.log(1, {"GAN": 0.5})
    several.picture(1, "grid", tmp_path)
    several.close()
    assert _steps(tmp_path / "one.jsonl") == _steps(tmp_path / "other.jsonl") == [1]
