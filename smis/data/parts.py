"""What an unfinished preparing has done: beside each closed shard lie the rows of the index that speak of it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from smis.core.files import written
from smis.data.schema import INDEX_SCHEMA, ShardEntry

_ENDING = ".rows"
SOURCE = pa.field("source", pa.binary(16))
"""A column that says what each row is made of."""


@dataclass(frozen=True)
class Part:
    """A closed shard, and how far in the data set it reaches."""

    entry: ShardEntry
    after: int

    def file(self, folder: Path) -> Path:
        """Say where it lies."""
        return folder / f"{self.entry.file}{_ENDING}"

    def save(self, folder: Path, rows: pa.Table) -> None:
        """Write the rows, which may have a column `source` more; from then on the shard counts as done."""
        said = {"entry": json.dumps(asdict(self.entry)), "after": str(self.after)}
        with written(self.file(folder)) as beside:
            pq.write_table(rows.replace_schema_metadata(said), beside)


def done(folder: Path) -> list[Part]:
    """Return the closed shards in their order."""
    parts = [_read(path) for path in folder.glob(f"*{_ENDING}")]
    return sorted(parts, key=lambda part: part.after)


def read(folder: Path, file: str) -> Part:
    """Return a closed shard by its file's name."""
    return _read(folder / f"{file}{_ENDING}")


def _read(path: Path) -> Part:
    said = pq.read_schema(path).metadata
    return Part(ShardEntry(**json.loads(said[b"entry"])), int(said[b"after"]))


def rows(folder: Path, parts: Sequence[Part]) -> Iterator[pa.Table]:
    """Yield each shard's rows for the index."""
    for part in parts:
        yield pq.read_table(part.file(folder), columns=INDEX_SCHEMA.names)


def forget(folder: Path, parts: Sequence[Part]) -> None:
    """Take these files away, the last first: whoever is killed here leaves the beginning of a data set, not holes."""
    for part in reversed(parts):
        part.file(folder).unlink()
