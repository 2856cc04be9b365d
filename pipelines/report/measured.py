"""What `evaluate` wrote of one cell."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.report.table import Results
from smis.metrics.image.result import Result


def results(dataset: str, system: str) -> Results | None:
    """Read the values with their resamples; None where nothing was measured yet."""
    path = Path("metrics", dataset, f"{system}.json")
    if not path.exists():
        return None
    draws = _table(dataset, system, "resamples")
    entries = json.loads(path.read_text())
    return {
        name: Result.from_json(name, entry, draws=draws.column(name).to_numpy() if name in draws.column_names else None)
        for name, entry in entries.items()
    }


def classes(dataset: str, system: str) -> dict[str, list]:
    """Read the table of classes."""
    return _table(dataset, system, "per_class").to_pydict()


def _table(dataset: str, system: str, name: str):
    return pq.read_table(Path("runs", dataset, system, "tables", f"{name}.parquet"))
