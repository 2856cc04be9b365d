"""A curve, read while it is written."""

import json
from pathlib import Path

import pytest

from flows.sweep.trial import list_curves, read_curve

KEY = "validation_fd"


def test_points_are_read_and_what_is_half_written_later(tmp_path: Path) -> None:
    live = tmp_path / ".scratch" / "train-1" / "history.jsonl"
    live.parent.mkdir(parents=True)
    assert read_curve(tmp_path, KEY) == []
    rows = [{"step": 1, KEY: 5.0}, {"step": 2, "GAN": 1.0}, {"step": 3, KEY: float("nan")}, {"step": 4, KEY: 4}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    live.write_text(text + '{"step": 5, "valid')
    assert read_curve(tmp_path, KEY) == [(1, 5.0), (4, 4)]
    live.write_text(text + json.dumps({"step": 5, KEY: 3.0}))
    assert read_curve(tmp_path, KEY) == [(1, 5.0), (4, 4), (5, 3.0)]


def test_a_file_that_vanishes_while_it_is_looked_at_has_no_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "runs" / "doll" / "one" / "seed-0" / "history.jsonl"
    monkeypatch.setattr(Path, "glob", lambda *_: iter([gone]))
    assert read_curve(tmp_path, KEY) == []


def test_what_a_history_has_is_named(tmp_path: Path) -> None:
    assert list_curves(tmp_path) == []
    published = tmp_path / "runs" / "doll" / "one" / "seed-0" / "history.jsonl"
    published.parent.mkdir(parents=True)
    published.write_text('{"step": 1, "hinge": 2.0}\n{"step": 2, "hinge": 1.0, "GAN": 1, "note": "x"}\n')
    assert list_curves(tmp_path) == ["GAN", "hinge"]
