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
from smis.core.images import Encoding
from smis.core.sample import Sample
from smis.data import closed_shards, index
from smis.data.closed_shards import SOURCE, ClosedShard
from smis.data.rows import Rows, encode_rows
from smis.data.schema import INDEX_SCHEMA, Header, ShardEntry, checksum, shard_schema

CHUNK = 64
"""Samples that are encoded together; shards end between chunks, so the number of processes changes no byte."""


class PrepareConfig(Config):
    """How prepared files are laid out."""

    encoding: Encoding = "raw"
    shard_mib: int = Field(default=128, gt=0)
    """A shard is closed when it reaches this size; it is built in memory."""
    skip_bad: bool = False
    """Leave out invalid samples and list them in left_out.json, instead of stopping."""


class ShardWriter:
    """Write rows to shards, and at the end the index; rows of one split follow one another.

    Resumes where a killed writer stopped: `after` says how far the shards in the folder reach. If `cache` is given, a
    `RowCache` of the shards is saved there.

        with ShardWriter(folder, header) as writer:
            writer.add(encode_rows(samples, header))
    """

    def __init__(self, folder: Path, header: Header, *, shard_mib: int = 128, cache: Path | None = None) -> None:
        self._folder = folder
        self._cache = cache
        self._header = header
        self._limit = shard_mib * 2**20
        self._open: list[Rows] = []
        self._closed = closed_shards.read_all(folder)
        self._after = self.after

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._close_shard()
            header = self._header.with_shards(tuple(shard.entry for shard in self._closed))
            tables = (shard.rows(self._folder, INDEX_SCHEMA.names) for shard in self._closed)
            index.write(self._folder, tables, header=header)
            if self._cache:
                closed_shards.save_rows(self._cache, self._folder, self._closed)
            closed_shards.remove(self._folder, self._closed)

    @property
    def after(self) -> int:
        """The number of the data set's chunks in the closed shards."""
        return self._closed[-1].chunks if self._closed else 0

    @property
    def rows(self) -> int:
        """The number of rows in the closed shards."""
        return sum(shard.entry.rows for shard in self._closed)

    def discard(self, *, complete: bool) -> None:
        """Move all rows to the cache and start again; an incomplete data set replaces only a smaller cache."""
        self._close_shard()
        if self._cache and (complete or self.rows > closed_shards.count_rows(self._cache)):
            closed_shards.save_rows(self._cache, self._folder, self._closed)
        closed_shards.remove(self._folder, self._closed)
        for shard in self._closed:
            (self._folder / shard.entry.file).unlink()
        self._closed, self._after = [], 0

    def add(self, rows: Rows, *, after: int | None = None) -> None:
        """Add rows to the open shard, or open the next; `after` counts the chunks up to and including these."""
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
        file = f"{split}-{sum(shard.entry.split == split for shard in self._closed):05d}.arrow"
        # one batch, whose columns are contiguous: a raw image's offset is its row times its width
        batch = pa.Table.from_batches([rows.shard for rows in self._open]).combine_chunks().to_batches()[0]
        entry = ShardEntry(file=file, split=split, rows=batch.num_rows, checksum=checksum(batch))
        schema = shard_schema(self._header, split).with_metadata(self._header.metadata(checksum=entry.checksum))
        with written(self._folder / file) as partial, pa.ipc.new_file(partial, schema) as sink:
            sink.write_batch(batch.replace_schema_metadata(schema.metadata))
        firsts = np.cumsum([0, *(len(rows) for rows in self._open)])
        tables = [
            index.entries(rows, shard=file, first=int(first), header=self._header)
            for rows, first in zip(self._open, firsts[:-1], strict=True)
        ]
        shard = ClosedShard(entry, self._after)
        shard.save(self._folder, _with_sources(pa.concat_tables(tables), self._open))
        self._closed.append(shard)
        self._open = []


def _with_sources(table: pa.Table, chunks: list[Rows]) -> pa.Table:
    sources = [source for rows in chunks for source in rows.sources]
    return table.append_column(SOURCE, pa.array(sources, SOURCE.type)) if sources else table


def write(path: Path, samples: Iterable[Sample], *, header: Header, shard_mib: int = 128) -> None:
    """Write a prepared data set from samples; those of one split follow one another.

    Raises:
        LabelError, ImageError: if a sample does not fit the header.
        DiskError: if the folder cannot be written.

    Example:
        >>> from smis.data.shards import Prepared
        >>> header = Header("toy", classes=("a", "b"), palette=((0, 0, 0), (255, 0, 0)), height=4, width=8)
        >>> image, labels = np.zeros((4, 8, 3), np.uint8), np.zeros((4, 8), np.uint8)
        >>> samples = [Sample(f"image-{n}", "train", image + n, labels, labels.astype(np.uint16)) for n in range(3)]
        >>> write(Path("toy"), samples, header=header)
        >>> sample = Prepared(Path("toy")).split("train")[2]
        >>> sample.key, int(sample.image.max())
        ('image-2', 2)
    """
    with written_folder(path) as folder, ShardWriter(folder, header, shard_mib=shard_mib) as writer:
        for _, group in groupby(samples, key=lambda sample: sample.split):
            of_split = list(group)
            for start in range(0, len(of_split), CHUNK):
                writer.add(encode_rows(of_split[start : start + CHUNK], header))
