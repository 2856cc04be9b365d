"""Rows of an earlier `prepare`, found by the digest of what each was made from, so that they are not made again.

The cached shards are hard links to the prepared ones and take no space while those exist. If `prepare` stops because
some samples are invalid, the rows of all others are cached.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from smis.core.errors import DiskError, ShardError
from smis.core.files import written_folder
from smis.data import closed_shards
from smis.data.closed_shards import SOURCE, ClosedShard
from smis.data.index import broken
from smis.data.rows import Rows
from smis.data.schema import checksum

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
    return sum(shard.entry.rows for shard in closed_shards.read_all(cache))


class RowCache:
    """The rows in a cache folder, which may be missing; takes about 30 bytes of memory for each row."""

    def __init__(self, folder: Path) -> None:
        open_rows.cache_clear()  # the folder may have been replaced
        self._files: list[str] = []
        sources, shards, rows = [np.zeros(0, _DIGEST)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        for shard in closed_shards.read_all(folder):
            column = pq.read_table(shard.record(folder), columns=[SOURCE.name]).column(0)
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
        shard = closed_shards.read(folder, file)
        table = pq.read_table(shard.record(folder), columns=["pixels", "instances"])
        with pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
    except (OSError, pa.ArrowException) as error:
        raise broken(path, error) from None
    if checksum(batch) != shard.entry.checksum:
        raise ShardError(f"{path} does not have the checksum that it was written with")
    pixels = table.column("pixels").combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    return Rows(shard.entry.split, batch.replace_schema_metadata(None), pixels, table.column("instances").to_numpy())
