"""What this machine notes about MLflow: what a training could not send, and what was published where."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from pipelines.tracking.cell_outputs import CellOutputs
from pipelines.tracking.client import STATE, MetricPoint, tracking_uri
from smis.core.files import written

_TIMEOUT_S = 5


@dataclass(frozen=True)
class UnsentNote:
    """What a training could not send and its files do not hold: tags and system metrics."""

    uri: str
    run: str | None
    tags: dict[str, str]
    system_metrics: list[MetricPoint]

    def write(self, checkpoint: str) -> None:
        """Write the note, under the digest of the checkpoint."""
        _write(_note_path(checkpoint), {**asdict(self), "system_metrics": [list(each) for each in self.system_metrics]})


def read_note(checkpoint: str) -> UnsentNote | None:
    """Return the note of the training that wrote this checkpoint, if there is one."""
    path = _note_path(checkpoint)
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    points = [MetricPoint(*each) for each in content.get("system_metrics", [])]
    return UnsentNote(content["uri"], content["run"], content["tags"], points)


def delete_note(checkpoint: str) -> None:
    """Delete a note that MLflow has."""
    _note_path(checkpoint).unlink(missing_ok=True)


@dataclass(frozen=True)
class PublicationStamp:
    """A published cell: with it, an unchanged cell is recognized without importing mlflow."""

    uri: str
    run: str
    fingerprint: str
    link: str
    database: list[int] | None = None
    """Size and time of the SQLite file: another state means that the run must be looked up again."""

    def write(self, cell: CellOutputs) -> None:
        """Write the stamp."""
        _write(_stamp_path(cell), asdict(self))

    def run_is_active(self) -> bool:
        """Whether the run certainly still exists; False also if that takes mlflow to find out."""
        if not self.uri.startswith("http"):
            return self.database is not None and self.database == database_state(self.uri)
        try:
            address = f"{self.uri.rstrip('/')}/api/2.0/mlflow/runs/get?run_id={self.run}"
            with urlopen(address, timeout=_TIMEOUT_S) as response:
                return json.load(response)["run"]["info"]["lifecycle_stage"] == "active"
        except (OSError, URLError, ValueError, KeyError, TypeError):
            return False


def read_stamp(cell: CellOutputs, *, fingerprint: str) -> PublicationStamp | None:
    """Return the stamp of a cell, if these files were published to this MLflow."""
    path = _stamp_path(cell)
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    current = content["uri"] == tracking_uri() and content["fingerprint"] == fingerprint
    return PublicationStamp(**content) if current else None


def database_state(uri: str) -> list[int] | None:
    """Return size and modification time of a SQLite database; None for other addresses."""
    path = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or not path.exists():
        return None
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def _stamp_path(cell: CellOutputs) -> Path:
    return STATE / cell.dataset / f"{cell.system}.json"


def _note_path(checkpoint: str) -> Path:
    return STATE / "unsent" / f"{checkpoint}.json"


def _write(path: Path, content: dict[str, Any]) -> None:
    with written(path) as beside:
        beside.write_text(json.dumps(content, indent=1) + "\n")
