"""The one reader and writer of history.jsonl: one JSON object per line, `{"step": 50, "GAN": 1.25, ...}`."""

import json
from collections.abc import Mapping
from pathlib import Path

from smis.core.files import unwritable, written


def read_history(path: Path) -> list[dict[str, float]]:
    """Read the rows of a history, each with its "step"; an absent file has none.

    Ends at a line that was cut off when the run was killed. Of a step that occurs twice, the last row counts.

    Example:
        >>> history = HistoryLogger(Path("history.jsonl"))
        >>> history.log(50, {"GAN": 1.25})
        >>> read_history(Path("history.jsonl"))
        [{'step': 50, 'GAN': 1.25}]
    """
    rows: dict[int, dict[str, float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        rows[row["step"]] = row
    return list(rows.values())


class HistoryLogger:
    """A logger that appends the metrics of a step to history.jsonl, which DVC plots.

    Args:
        path: The file.
        after: The step that the run resumes from; later rows of an earlier run are removed.

    Raises:
        DiskError: if the file cannot be written.
    """

    def __init__(self, path: Path, *, after: int = 0) -> None:
        rows = [row for row in read_history(path) if row["step"] <= after]
        with written(path) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        self._path = path

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row.

        Raises:
            DiskError: if the file cannot be written.
        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        except OSError as error:
            raise unwritable(self._path, error) from error

    def log_image(self, step: int, name: str, path: Path) -> None:
        """Do nothing: the image file is the record."""
