"""Records of the shards that an unfinished `prepare` has closed: beside each shard lie its rows of the index."""

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
"""The digest of what each row was made from."""


@dataclass(frozen=True)
class ClosedShard:
    """A shard that is on the disk as a whole; the first `chunks` chunks of the data set are in it or before it."""

    entry: ShardEntry
    chunks: int

    def record(self, folder: Path) -> Path:
        """Return the path of the record."""
        return folder / f"{self.entry.file}{_ENDING}"

    def save(self, folder: Path, rows: pa.Table) -> None:
        """Write the record; from then on the shard is closed. `rows` may have the column `source` too."""
        metadata = {"entry": json.dumps(asdict(self.entry)), "after": str(self.chunks)}
        with written(self.record(folder)) as partial:
            pq.write_table(rows.replace_schema_metadata(metadata), partial)


def read_all(folder: Path) -> list[ClosedShard]:
    """Return a folder's closed shards in their order."""
    return sorted((_read(path) for path in folder.glob(f"*{_ENDING}")), key=lambda shard: shard.chunks)


def read(folder: Path, file: str) -> ClosedShard:
    """Return the closed shard with this file name."""
    return _read(folder / f"{file}{_ENDING}")


def _read(path: Path) -> ClosedShard:
    metadata = pq.read_schema(path).metadata
    return ClosedShard(ShardEntry(**json.loads(metadata[b"entry"])), int(metadata[b"after"]))


def index_rows(folder: Path, shards: Sequence[ClosedShard]) -> Iterator[pa.Table]:
    """Yield each shard's rows of the index."""
    for shard in shards:
        yield pq.read_table(shard.record(folder), columns=INDEX_SCHEMA.names)


def remove(folder: Path, shards: Sequence[ClosedShard]) -> None:
    """Remove the records, the last first: a process killed here leaves the beginning of a data set without holes."""
    for shard in reversed(shards):
        shard.record(folder).unlink()
