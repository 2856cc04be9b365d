"""A training's curve, read from its files while it goes on."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.retry import call_periodically

POLL_S = 1.0
Point = tuple[int, float]
"""A step and the value there."""
_LIVE = ".scratch/train-*/history.jsonl"
_FINISHED = "runs/*/*/history.jsonl"


class Curve:
    """One value of a trial's history: the live file while it trains, the published one afterwards."""

    def __init__(self, workspace: Path, key: str) -> None:
        self._workspace, self._key, self._last = workspace, key, -1

    def fresh(self) -> list[Point]:
        """Return the points that were not there the last time; a step that was trained twice counts once."""
        found = sorted((step, value) for step, value in self._points().items() if step > self._last)
        self._last = found[-1][0] if found else self._last
        return found

    def _points(self) -> dict[int, float]:
        rows = _rows(self._workspace)
        return {row["step"]: row[self._key] for row in rows if _is_number(row.get(self._key))}


def names(workspace: Path) -> list[str]:
    """Name the values that a trial's history has; none if it lies on another machine."""
    return sorted({name for row in _rows(workspace) for name in row if name != "step" and _is_number(row[name])})


def _rows(workspace: Path) -> list[dict[str, Any]]:
    files = [path for place in (_LIVE, _FINISHED) for path in workspace.glob(place)]
    try:
        newest = max(files, key=lambda path: path.stat().st_mtime, default=None)
        return [_row(line) for line in newest.read_text().splitlines()] if newest else []
    except FileNotFoundError:  # published, or cleared away, since it was listed: the next look finds the other
        return []


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return {}  # the line that is being written
    return row if isinstance(row, dict) and "step" in row else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@contextmanager
def followed(workspace: Path, key: str | None, take: Callable[[list[Point]], object]) -> Iterator[None]:
    """Meanwhile, hand new points of the curve to `take`, the last ones at the end."""
    if key is None:
        yield
        return
    curve = Curve(workspace, key)
    try:
        with call_periodically(lambda: take(curve.fresh()), interval_s=POLL_S):
            yield
    finally:
        take(curve.fresh())
