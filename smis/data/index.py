"""The index of a prepared data set: a Parquet table with one row for each image, and the header as its metadata."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ndarray

from smis.core.files import written
from smis.data.rows import Rows
from smis.data.schema import INDEX_SCHEMA, REMEDY, UNREADABLE, Header, broken, check_readable

NAME = "index.parquet"
_HELD = 2**17
"""Rows that are held in memory while the index is written."""


def entries(rows: Rows, *, shard: str, first: int, header: Header) -> pa.Table:
    """Return the index rows of a shard's rows, numbered from `first`: place, size, classes, pixels, instances."""
    count = len(rows)
    height, width = header.size_of(rows.split)
    columns = {
        "key": rows.shard.column("key"),
        "split": [rows.split] * count,
        "shard": [shard] * count,
        "row": np.arange(first, first + count, dtype=np.int32),
        "height": np.full(count, height, dtype=np.int32),
        "width": np.full(count, width, dtype=np.int32),
        "classes": [np.flatnonzero(counts).astype(np.int32) for counts in rows.pixels],
        "pixels": list(rows.pixels),
        "instances": rows.instances,
    }
    return pa.table(columns, schema=INDEX_SCHEMA)


def write(folder: Path, tables: Iterable[pa.Table], *, header: Header) -> None:
    """Write the index; it comes last, so that a folder without one is not a prepared data set."""
    schema = INDEX_SCHEMA.with_metadata(header.metadata())
    with written(folder / NAME) as beside, pq.ParquetWriter(beside, schema) as sink:
        held = schema.empty_table()
        for table in tables:
            held = pa.concat_tables([held, table.replace_schema_metadata(schema.metadata)])
            if len(held) >= _HELD:
                sink.write_table(held)
                held = schema.empty_table()
        sink.write_table(held)


def read_header(folder: Path) -> Header:
    """Read the header of the data set from the index.

    Raises:
        ShardError: if it is missing, broken, or of another version.
    """
    path = folder / NAME
    check_readable(path, missing=f"{path} is missing, so {folder} is no prepared data set; {REMEDY}")
    try:
        metadata = pq.read_schema(path).metadata
    except UNREADABLE as error:
        raise broken(path, error) from None
    return Header.read(metadata, source=path)


def read(folder: Path, split: str) -> pa.Table:
    """Read the rows of one split, in their order.

    Raises:
        ShardError: if the index is broken, or has not one row for each image of the split's shards.

    Example:
        >>> read(Path("prepared"), "train").column("key").to_pylist()
        ['image-0', 'image-1', 'image-2']
    """
    path = folder / NAME
    try:
        table = pq.read_table(path, filters=[("split", "=", split)])
        table.validate(full=True)
    except UNREADABLE as error:
        raise broken(path, error) from None
    header = Header.read(table.schema.metadata, source=path)
    if not table.schema.equals(INDEX_SCHEMA) or any(column.null_count for column in table.columns):
        raise broken(path, f"its columns are not {', '.join(INDEX_SCHEMA.names)}")
    rows = sum(entry.rows for entry in header.shards if entry.split == split)
    if len(table) != rows:
        raise broken(path, f"it has {len(table)} rows of split {split!r}, the shards have {rows}")
    return table


def read_pixels(folder: Path, split: str) -> ndarray:
    """Return the number of pixels of each class on each image of a split: (images, classes), int32.

    Raises:
        ShardError: if the index is broken.

    Example:
        >>> read_pixels(Path("prepared"), "train").sum(axis=1).tolist()  # of 32 x 64
        [2048, 2048, 2048]
    """
    table = read(folder, split)
    column, classes = table.column("pixels").combine_chunks(), len(read_header(folder).classes)
    if (np.diff(column.offsets) != classes).any():
        raise broken(folder / NAME, f"its column pixels has not one number for each of {classes} classes")
    return column.flatten().to_numpy().reshape(len(column), -1)
