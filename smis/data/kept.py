"""The rows of a data set as it was prepared before, found again by what each is made of: an added file only moves them.

Its shards are links to the prepared ones, and take no room while the same bytes are there. Of a data set that could not
be finished, because there are pictures that do not fit, the others are kept.
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
from smis.data import parts
from smis.data.index import broken
from smis.data.parts import SOURCE, Part
from smis.data.rows import Rows
from smis.data.schema import checksum

Place = tuple[str, int]
"""A shard's file, and a row in it."""
_ID = "S16"


def keep(folder: Path, prepared: Path, done: Sequence[Part]) -> None:
    """Keep shards and what is known of their rows, in place of what was kept before; where links cannot be, nothing."""
    with suppress(OSError, DiskError), written_folder(folder) as beside:
        for part in done:
            os.link(prepared / part.entry.file, beside / part.entry.file)
            shutil.copyfile(part.file(prepared), part.file(beside))


def count(folder: Path) -> int:
    """Say how many rows are kept."""
    return sum(part.entry.rows for part in parts.done(folder))


class Kept:
    """What is kept in a folder, if anything: about 30 bytes of memory for each row."""

    def __init__(self, folder: Path) -> None:
        open_rows.cache_clear()  # the folder may have been written anew
        self._files: list[str] = []
        sources, shards, rows = [np.zeros(0, _ID)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        for part in parts.done(folder):
            column = pq.read_table(part.file(folder), columns=[SOURCE.name]).column(0)
            sources.append(np.array(column.to_pylist(), _ID))
            shards.append(np.full(len(column), len(self._files), np.int32))
            rows.append(np.arange(len(column), dtype=np.int32))
            self._files.append(part.entry.file)
        found = np.concatenate(sources)
        order = np.argsort(found)
        self._sources = found[order]
        self._shards, self._rows = np.concatenate(shards)[order], np.concatenate(rows)[order]

    def find(self, sources: Sequence[bytes]) -> list[Place | None]:
        """Return for each source the place of its row, or None."""
        wanted = np.array(sources, _ID)
        at = np.searchsorted(self._sources, wanted)
        there = np.append(self._sources, b"")[at] == wanted
        return [self._place(number) if found else None for number, found in zip(at.tolist(), there, strict=True)]

    def _place(self, number: int) -> Place:
        return self._files[self._shards[number]], int(self._rows[number])


@lru_cache(maxsize=4)
def open_rows(folder: Path, file: str) -> Rows:
    """Open a kept shard, and compare its bytes with its checksum.

    Raises:
        ShardError: if they differ, or it cannot be read.
    """
    path = folder / file
    try:
        part = parts.read(folder, file)
        table = pq.read_table(part.file(folder), columns=["pixels", "instances"])
        with pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
    except (OSError, pa.ArrowException) as error:
        raise broken(path, error) from None
    if checksum(batch) != part.entry.checksum:
        raise ShardError(f"{path} does not have the checksum that it was written with")
    pixels = table.column("pixels").combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    bare = batch.replace_schema_metadata(None)
    return Rows(part.entry.split, bare, pixels, table.column("instances").to_numpy())
