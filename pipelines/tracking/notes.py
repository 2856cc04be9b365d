"""Small files beside the record: what a training could not tell MLflow, and what was published where."""

import json
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from pipelines.tracking import settings
from pipelines.tracking.cell import Cell
from pipelines.tracking.store import Point
from smis.core.files import written

_ANSWER_S = 5


@dataclass(frozen=True)
class Note:
    """What a training knew and MLflow did not hear: tags of its machine and commit, and the gauges."""

    uri: str
    run: str | None
    tags: dict[str, str]
    gauges: list[Point]


def leave(checkpoint: str, note: Note) -> None:
    """Keep a note for `publish`, under the digest of the checkpoint."""
    content = {**asdict(note), "gauges": [list(point) for point in note.gauges]}
    _write(_unsent(checkpoint), content)


def find(checkpoint: str) -> Note | None:
    """Return the note of the training that ended in this checkpoint here."""
    path = _unsent(checkpoint)
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    return Note(**{**content, "gauges": [Point(*point) for point in content["gauges"]]})


def drop(checkpoint: str) -> None:
    """Forget a note: MLflow has it."""
    _unsent(checkpoint).unlink(missing_ok=True)


@dataclass(frozen=True)
class Stamp:
    """A cell's files as they were published: no mlflow is imported to see that nothing is new."""

    uri: str
    run: str
    fingerprint: str
    link: str

    def write(self, cell: Cell) -> None:
        """Keep the stamp."""
        _write(_stamped(cell), asdict(self))


def stamp(cell: Cell) -> Stamp | None:
    """Return the stamp of a cell, if MLflow still has the run; MLflow's own state wins."""
    path = _stamped(cell)
    if not path.exists():
        return None
    found = Stamp(**json.loads(path.read_text()))
    return found if found.uri == settings.uri() and _is_there(found) else None


def _is_there(stamp: Stamp) -> bool:
    """Ask the database or the server in the cheapest way; any doubt is a no, and mlflow is asked properly."""
    try:
        if stamp.uri.startswith("sqlite:///"):
            return _state_in_file(Path(stamp.uri.removeprefix("sqlite:///")), stamp.run) == "active"
        if stamp.uri.startswith("http"):
            return _state_on_server(stamp.uri, stamp.run) == "active"
    except (OSError, URLError, ValueError, KeyError, TypeError, sqlite3.Error):
        return False
    return False


def _state_in_file(path: Path, run: str) -> str | None:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        row = connection.execute("SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", (run,)).fetchone()
    finally:
        connection.close()
    return row and row[0]


def _state_on_server(uri: str, run: str) -> str:
    with urlopen(f"{uri.rstrip('/')}/api/2.0/mlflow/runs/get?run_id={run}", timeout=_ANSWER_S) as answer:
        content: dict[str, Any] = json.load(answer)
    return content["run"]["info"]["lifecycle_stage"]


def _stamped(cell: Cell) -> Path:
    return settings.NOTES / cell.dataset / f"{cell.system}.json"


def _unsent(checkpoint: str) -> Path:
    return settings.NOTES / "unsent" / f"{checkpoint}.json"


def _write(path: Path, content: dict[str, Any]) -> None:
    with written(path) as beside:
        beside.write_text(json.dumps(content, indent=1) + "\n")
