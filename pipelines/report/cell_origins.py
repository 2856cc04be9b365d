"""What made each checkpoint, as far as this machine knows, and the command that says the rest."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.cell import Cell

REMEMBERED = Path(".scratch/tracking/runs")
"""Where `pipelines.tracking` notes the run of each checkpoint. No dependency: the report is right without it."""


@dataclass(frozen=True)
class CellOrigin:
    """A checkpoint and, if it was trained or published on this machine, its run in MLflow."""

    cell: Cell
    checkpoint: str
    """The SHA-256 of the file."""
    run: str = ""
    link: str = ""
    commit: str = ""
    machine: str = ""
    data: str = ""
    """DVC's hash of the prepared data."""

    @property
    def command(self) -> str:
        """The command that makes it again; with `--show` it prints what made it."""
        return f"python -m pipelines.tracking.reproduce {self.checkpoint[:12]}"


def read_origins(cells: Iterable[Cell]) -> list[CellOrigin]:
    """Read what is known of the cells that have a checkpoint."""
    return [_read(cell) for cell in cells if cell.checkpoint.exists()]


def _read(cell: Cell) -> CellOrigin:
    with cell.checkpoint.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with suppress(OSError, ValueError):
        noted = json.loads((REMEMBERED / f"{digest}.json").read_text(encoding="utf-8"))
        tags = noted["tags"]
        machine = ", ".join(tags[name] for name in ("smis.machine", "smis.device") if name in tags)
        commit, data = tags.get("smis.commit", ""), tags.get("smis.data", "")
        return CellOrigin(cell, digest, noted["run"], noted["link"], commit, machine, data)
    return CellOrigin(cell, digest)
