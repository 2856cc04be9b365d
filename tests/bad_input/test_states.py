"""States that a run resumes from, and the note of the best one, that are damaged."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from smis.core.errors import CheckpointError
from smis.training.checkpoints import CheckpointManager, ScoredStep

CONFIGURATION = {"seed": 0}


def _manager(folder: Path) -> CheckpointManager:
    return CheckpointManager(folder, CONFIGURATION)


def _flipped(path: Path) -> None:
    """Change a weight: torch would read another number."""
    content = path.read_bytes()
    place = content.index(torch.full((100,), 2.0).numpy().tobytes()[:40])
    path.write_bytes(content[: place + 3] + b"\x7f" + content[place + 4 :])


def _fields(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def changed(path: Path) -> None:
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)

    return changed


def _instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def made(path: Path) -> None:
        path.unlink()
        make(path)

    return made


STATES: dict[str, Callable[[Path], object]] = {
    "is empty": lambda path: path.write_bytes(b""),
    "is text": lambda path: path.write_text("hello"),
    "is cut off": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "is cut off at its head": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "has a changed byte in a tensor": _flipped,
    "holds code": lambda path: torch.save({"format": 2, "state": Path("evil")}, path),
    "is a folder": _instead(Path.mkdir),
    "is a FIFO": _instead(os.mkfifo),
    "leads nowhere": _instead(lambda path: path.symlink_to("nowhere.pt")),
    "leads to a device": _instead(lambda path: path.symlink_to("/dev/zero")),
    **{
        f"has no {key}": _fields(lambda content, key=key: content.pop(key))
        for key in ("configuration", "step", "state")
    },
    "has a broken configuration": _fields(lambda content: content.update(configuration="{")),
    "has a configuration that is a list": _fields(lambda content: content.update(configuration="[]")),
    "has a step of text": _fields(lambda content: content.update(step="two")),
    "has a score of text": _fields(lambda content: content.update(score="low")),
}


@pytest.mark.parametrize("fault", STATES)
def test_a_damaged_newest_state_gives_way_to_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    with _manager(tmp_path) as checkpoints:
        for step in (1, 2):
            checkpoints.save(step, {"step": step, "a": torch.full((100,), float(step))})
    STATES[fault](tmp_path / "step-00000002.pt")
    state = _manager(tmp_path).load_newest()
    assert state is not None
    assert state["a"].equal(torch.ones(100))
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "step-00000002.pt" in told
    assert "skipped" in told
    assert "weights_only" not in told


NOTES = ["", "{", "[]", "null", "3", '{"step": 1}', '{"step": "x", "score": 1}', '{"score": 1}', "\xff", "[" * 100_000]


@pytest.mark.parametrize("note", NOTES)
def test_a_damaged_note_of_the_best_state_is_made_anew_from_the_states(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], note: str
) -> None:
    for step, score in ((1, 3.0), (2, 1.0), (3, None), (4, 2.0)):
        with _manager(tmp_path) as checkpoints:
            checkpoints.save(step, {"step": step}, score=score)
    (tmp_path / "best.json").write_bytes(note.encode("latin-1"))
    best = _manager(tmp_path).load_best()
    assert best is not None
    assert best["step"] == 2
    assert "best.json is broken" in capsys.readouterr().err
    assert _manager(tmp_path).best_step == ScoredStep(2, 1.0)
    assert capsys.readouterr().err == ""


def test_a_best_state_that_is_lost_is_not_replaced_silently(tmp_path: Path) -> None:
    with _manager(tmp_path) as checkpoints:
        checkpoints.save(1, {"step": 1}, score=1.0)
    (tmp_path / "step-00000001.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"the best state, .*step-00000001\.pt, is lost; set validation\.publish"):
        _manager(tmp_path).load_best()
