"""Rows -> shards and their index."""

import hashlib
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from types import TracebackType

import pyarrow as pa
from pydantic import Field

from smis.core.config import Config
from smis.core.files import written_folder
from smis.core.sample import Sample
from smis.data import index
from smis.data.encoding import Encoding
from smis.data.rows import Rows, encode
from smis.data.schema import Header, ShardEntry, shard_schema

CHUNK = 64
"""Samples that are encoded together; shards end between chunks, so it is no matter of how many processes work."""


class PrepareConfig(Config):
    """How the prepared files are laid out."""

    encoding: Encoding = "raw"
    shard_mib: int = Field(default=128, gt=0)
    """A shard is closed when it has grown to this; it is put together in memory."""


class ShardWriter:
    """`with ShardWriter(folder, header) as writer: writer.add(rows)`; rows of one split follow one another."""

    def __init__(self, folder: Path, header: Header, *, shard_mib: int = 128) -> None:
        self._folder = folder
        self._header = header
        self._limit = shard_mib * 2**20
        self._open: list[Rows] = []
        self._shards: list[ShardEntry] = []
        self._index: list[pa.Table] = []

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._close_shard()
            index.write(self._folder, self._index, header=self._header.with_shards(tuple(self._shards)))

    def add(self, rows: Rows) -> None:
        """Add rows to the shard that is open, or open the next."""
        if self._open and self._open[0].split != rows.split:
            self._close_shard()
        self._open.append(rows)
        if sum(rows.shard.nbytes for rows in self._open) >= self._limit:
            self._close_shard()

    def _close_shard(self) -> None:
        if not self._open:
            return
        split = self._open[0].split
        file = f"{split}-{sum(entry.split == split for entry in self._shards):05d}.arrow"
        batch = _joined([rows.shard for rows in self._open])
        entry = ShardEntry(file=file, split=split, rows=batch.num_rows, checksum=checksum(batch))
        schema = shard_schema(self._header).with_metadata(self._header.metadata(checksum=entry.checksum))
        with pa.ipc.new_file(self._folder / file, schema) as sink:
            sink.write_batch(batch.replace_schema_metadata(schema.metadata))
        first = 0
        for rows in self._open:
            self._index.append(index.entries(rows, shard=file, first=first, header=self._header))
            first += len(rows)
        self._shards.append(entry)
        self._open = []


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch is one piece of memory for each column: a picture's place is its row times its width."""
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def checksum(batch: pa.RecordBatch) -> str:
    """Return the SHA-256 of a shard's columns, as hexadecimal."""
    digest = hashlib.sha256()
    for column in batch.columns:
        for buffer in column.buffers():
            if buffer is not None:
                digest.update(buffer)
    return digest.hexdigest()


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
