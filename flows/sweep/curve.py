"""The learning curve of a trial, read from its history.jsonl while it trains."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.retry import call_periodically

POLL_S = 1.0
Point = tuple[int, float]
"""A training step and the value there."""
_FILES = (".scratch/train-*/history.jsonl", "runs/*/*/history.jsonl")
"""While the trial trains, and after."""


class Curve:
    """One value of a trial's history."""

    def __init__(self, workspace: Path, key: str) -> None:
        self._workspace, self._key, self._last_step = workspace, key, -1

    def read_new(self) -> list[Point]:
        """Return the points since the last call; a step that was trained again after a restart counts once."""
        values = {row["step"]: row[self._key] for row in _read(self._workspace) if _is_number(row.get(self._key))}
        points = sorted((step, value) for step, value in values.items() if step > self._last_step)
        self._last_step = points[-1][0] if points else self._last_step
        return points


def list_keys(workspace: Path) -> list[str]:
    """List the values in a trial's history; none if it trained on another machine."""
    return sorted({key for row in _read(workspace) for key in row if key != "step" and _is_number(row[key])})


@contextmanager
def watching(workspace: Path, key: str | None, on_points: Callable[[list[Point]], object]) -> Iterator[None]:
    """Pass new points to `on_points` while the block runs, the last ones at its end."""
    if key is None:
        yield
        return
    curve = Curve(workspace, key)
    try:
        with call_periodically(lambda: on_points(curve.read_new()), interval_s=POLL_S):
            yield
    finally:
        on_points(curve.read_new())


def _read(workspace: Path) -> list[dict[str, Any]]:
    files = [path for pattern in _FILES for path in workspace.glob(pattern)]
    try:
        newest = max(files, key=lambda path: path.stat().st_mtime, default=None)
        return [_parse(line) for line in newest.read_text().splitlines()] if newest else []
    except FileNotFoundError:  # moved or removed since it was listed: the next call finds the other
        return []


def _parse(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return {}  # the line that is being written
    return row if isinstance(row, dict) and "step" in row else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
