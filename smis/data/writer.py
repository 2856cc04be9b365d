"""Rows -> shards and their index."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from pydantic import Field

from smis.core.config import Config
from smis.core.files import written, written_folder
from smis.core.sample import Sample
from smis.data import index, kept, parts
from smis.data.encoding import Encoding
from smis.data.parts import SOURCE, Part
from smis.data.rows import Rows, encode
from smis.data.schema import Header, ShardEntry, checksum, shard_schema

CHUNK = 64
"""Samples that are encoded together; shards end between chunks, so it is no matter of how many processes work."""


class PrepareConfig(Config):
    """How the prepared files are laid out."""

    encoding: Encoding = "raw"
    shard_mib: int = Field(default=128, gt=0)
    """A shard is closed when it has grown to this; it is put together in memory."""
    skip_bad: bool = False
    """Go on without pictures that do not fit; left_out.json says which, and why."""


class ShardWriter:
    """`with ShardWriter(folder, header) as writer: writer.add(rows)`; rows of one split follow one another.

    Where an earlier one was killed, this one goes on: `after` says how far the shards in the folder reach. A folder
    `keep` beside it gets what `Kept` needs.
    """

    def __init__(self, folder: Path, header: Header, *, shard_mib: int = 128, keep: Path | None = None) -> None:
        self._folder = folder
        self._keep = keep
        self._header = header
        self._limit = shard_mib * 2**20
        self._open: list[Rows] = []
        self._done = parts.done(folder)
        self._after = self.after

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._close_shard()
            header = self._header.with_shards(tuple(part.entry for part in self._done))
            index.write(self._folder, parts.rows(self._folder, self._done), header=header)
            if self._keep:
                kept.keep(self._keep, self._folder, self._done)
            parts.forget(self._folder, self._done)

    @property
    def after(self) -> int:
        """How many chunks of the data set the closed shards have."""
        return self._done[-1].after if self._done else 0

    @property
    def rows(self) -> int:
        """How many rows the closed shards have."""
        return sum(part.entry.rows for part in self._done)

    def give_up(self, *, whole: bool) -> None:
        """Keep what was written, and begin anew; of a data set that is not gone through, only more than was kept."""
        self._close_shard()
        if self._keep and (whole or self.rows > kept.count(self._keep)):
            kept.keep(self._keep, self._folder, self._done)
        parts.forget(self._folder, self._done)
        for part in self._done:
            (self._folder / part.entry.file).unlink()
        self._done, self._after = [], 0

    def add(self, rows: Rows, *, after: int | None = None) -> None:
        """Add rows to the shard that is open, or open the next; `after` counts the chunks up to and with these."""
        if self._open and self._open[0].split != rows.split:
            self._close_shard()
        self._open.append(rows)
        self._after = self._after + 1 if after is None else after
        if sum(rows.shard.nbytes for rows in self._open) >= self._limit:
            self._close_shard()

    def _close_shard(self) -> None:
        if not self._open:
            return
        split = self._open[0].split
        file = f"{split}-{sum(part.entry.split == split for part in self._done):05d}.arrow"
        batch = _joined([rows.shard for rows in self._open])
        entry = ShardEntry(file=file, split=split, rows=batch.num_rows, checksum=checksum(batch))
        schema = shard_schema(self._header, split).with_metadata(self._header.metadata(checksum=entry.checksum))
        with written(self._folder / file) as beside, pa.ipc.new_file(beside, schema) as sink:
            sink.write_batch(batch.replace_schema_metadata(schema.metadata))
        firsts = np.cumsum([0, *(len(rows) for rows in self._open)])
        tables = [
            index.entries(rows, shard=file, first=int(first), header=self._header)
            for rows, first in zip(self._open, firsts[:-1], strict=True)
        ]
        part = Part(entry, self._after)
        part.save(self._folder, _with_sources(pa.concat_tables(tables), self._open))
        self._done.append(part)
        self._open = []


def _with_sources(table: pa.Table, several: list[Rows]) -> pa.Table:
    sources = [source for rows in several for source in rows.sources]
    return table.append_column(SOURCE, pa.array(sources, SOURCE.type)) if sources else table


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch is one piece of memory for each column: a picture's place is its row times its width."""
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def write(path: Path, samples: Iterable[Sample], *, header: Header, shard_mib: int = 128) -> None:
    """Write a prepared data set from samples at hand; those of one split follow one another.

    Raises:
        LabelError, ImageError: if a sample does not fit the header.
        DiskError: if the folder cannot be written.
    """
    with written_folder(path) as folder, ShardWriter(folder, header, shard_mib=shard_mib) as writer:
        for _, group in groupby(samples, key=lambda sample: sample.split):
            of_split = list(group)
            for start in range(0, len(of_split), CHUNK):
                writer.add(encode(of_split[start : start + CHUNK], header))
