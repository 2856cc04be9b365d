"""Shards that a `prepare` has closed, with their rows of the index beside them: of an unfinished run, and in a cache.

The cache holds the rows of an earlier run, found by the digest of what each was made from, so that they are not made
again. Its shards are hard links to the prepared ones and take no space while those exist. If `prepare` stops because
some samples are invalid, the rows of all others are cached.
"""

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from smis.core.errors import DiskError, ShardError
from smis.core.files import written, written_folder
from smis.data.rows import Rows
from smis.data.schema import UNREADABLE, ShardEntry, broken, checksum

_ENDING = ".rows"
SOURCE = pa.field("source", pa.binary(16))
"""The digest of what each row was made from."""


@dataclass(frozen=True)
class ClosedShard:
    """A shard that is on the disk as a whole; the first `chunks` chunks of the data set are in it or before it."""

    entry: ShardEntry
    chunks: int

    @classmethod
    def read(cls, folder: Path, file: str) -> "ClosedShard":
        """Return the closed shard with this file name.

        Raises:
            ShardError: if its record is broken.
        """
        path = folder / f"{file}{_ENDING}"
        try:
            metadata = pq.read_schema(path).metadata or {}
            return cls(ShardEntry(**json.loads(metadata[b"entry"])), int(metadata[b"after"]))
        except (*UNREADABLE, TypeError) as error:
            raise _broken(path, error) from None

    def record(self, folder: Path) -> Path:
        """Return the path of the record."""
        return folder / f"{self.entry.file}{_ENDING}"

    def save(self, folder: Path, rows: pa.Table) -> None:
        """Write the record; from then on the shard is closed. `rows` may have the column `source` too."""
        metadata = {"entry": json.dumps(asdict(self.entry)), "after": str(self.chunks)}
        with written(self.record(folder)) as partial:
            pq.write_table(rows.replace_schema_metadata(metadata), partial)

    def rows(self, folder: Path, columns: list[str]) -> pa.Table:
        """Return these columns of the record.

        Raises:
            ShardError: if the record is broken.
        """
        try:
            return pq.read_table(self.record(folder), columns=columns).select(columns)
        except UNREADABLE as error:
            raise _broken(self.record(folder), error) from None


def _broken(record: Path, error: Exception) -> ShardError:
    return ShardError(f"{record} is broken ({' '.join(str(error).split())}); delete {record.parent} and repeat")


def read_all(folder: Path) -> list[ClosedShard]:
    """Return a folder's closed shards in their order.

    Raises:
        ShardError: if a record is broken.
    """
    shards = (ClosedShard.read(folder, path.name.removesuffix(_ENDING)) for path in folder.glob(f"*{_ENDING}"))
    return sorted(shards, key=lambda shard: shard.chunks)


def remove(folder: Path, shards: Sequence[ClosedShard]) -> None:
    """Remove the records, the last first: a process killed here leaves the beginning of a data set without holes."""
    for shard in reversed(shards):
        shard.record(folder).unlink()


RowLocation = tuple[str, int]
"""A shard's file, and a row in it."""
_DIGEST = "S16"


def save_rows(cache: Path, prepared: Path, shards: Sequence[ClosedShard]) -> None:
    """Replace the cache by links to these shards; where the file system has no links, nothing is cached."""
    with suppress(OSError, DiskError), written_folder(cache) as partial:
        for shard in shards:
            os.link(prepared / shard.entry.file, partial / shard.entry.file)
            shutil.copyfile(shard.record(prepared), shard.record(partial))


def count_rows(cache: Path) -> int:
    """Return how many rows are cached."""
    return sum(shard.entry.rows for shard in _cached(cache))


def _cached(cache: Path) -> list[ClosedShard]:
    """Return a cache's shards; a damaged cache has none, so that its rows are made again."""
    with suppress(ShardError):
        return read_all(cache)
    return []


class RowCache:
    """The rows in a cache folder, which may be missing; takes about 30 bytes of memory for each row."""

    def __init__(self, folder: Path) -> None:
        open_rows.cache_clear()  # the folder may have been replaced
        self._files: list[str] = []
        sources, shards, rows = [np.zeros(0, _DIGEST)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        for shard in _cached(folder):
            with suppress(ShardError):
                column = shard.rows(folder, [SOURCE.name]).column(0)
                sources.append(np.array(column.to_pylist(), _DIGEST))
                shards.append(np.full(len(column), len(self._files), np.int32))
                rows.append(np.arange(len(column), dtype=np.int32))
                self._files.append(shard.entry.file)
        unsorted = np.concatenate(sources)
        order = np.argsort(unsorted)
        self._sources = unsorted[order]
        self._shards, self._rows = np.concatenate(shards)[order], np.concatenate(rows)[order]

    def find(self, sources: Sequence[bytes]) -> list[RowLocation | None]:
        """Return for each digest the location of its row, or None."""
        digests = np.array(sources, _DIGEST)
        places = np.searchsorted(self._sources, digests)
        hits = np.append(self._sources, b"")[places] == digests
        return [self._location(place) if hit else None for place, hit in zip(places.tolist(), hits, strict=True)]

    def _location(self, place: int) -> RowLocation:
        return self._files[self._shards[place]], int(self._rows[place])


@lru_cache(maxsize=4)
def open_rows(folder: Path, file: str) -> Rows:
    """Open a cached shard and verify its checksum.

    Raises:
        ShardError: if a byte has changed, or the file cannot be read.
    """
    path = folder / file
    try:
        shard = ClosedShard.read(folder, file)
        table = shard.rows(folder, ["pixels", "instances"])
        with pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
        pixels = table.column("pixels").combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    except UNREADABLE as error:
        raise broken(path, error) from None
    if checksum(batch) != shard.entry.checksum:
        raise ShardError(f"{path} does not have the checksum that it was written with")
    return Rows(shard.entry.split, batch.replace_schema_metadata(None), pixels, table.column("instances").to_numpy())
