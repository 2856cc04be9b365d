"""Drawn pictures on disk: one Arrow file for each kind of sampling."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int, UInt8
from numpy import ndarray

from smis.core.errors import ShardError
from smis.core.files import written
from smis.core.shapes import Picture
from smis.data.schema import VERSION

EVERYTHING = -1
"""In place of a class's or an instance's id: all codes were drawn anew."""
_ROWS = 1024
_REMEDY = "run `dvc repro sample` again"


@dataclass(frozen=True, eq=False)
class SampleRow:
    """One drawn picture (RGB, 0..255)."""

    key: str
    """Of the picture whose label map was drawn."""
    sample: int
    """Number of the draw for that label map, from 0."""
    resampled: int
    """The class, or in a file of instances the instance, that alone was drawn anew; or EVERYTHING."""
    image: Picture


@dataclass(frozen=True, eq=False)
class SampleTable:
    """All pictures of a file, row by row."""

    keys: list[str]
    sample: Int[ndarray, " n"]
    resampled: Int[ndarray, " n"]
    image: UInt8[ndarray, "n h w 3"]

    def __len__(self) -> int:
        return len(self.keys)


def write_samples(path: Path, rows: Iterable[SampleRow], *, height: int, width: int) -> None:
    """Write drawn pictures as they come.

    Raises:
        DiskError: if the file cannot be written.
    """
    schema = _schema(height, width)
    with written(path) as beside, pa.ipc.new_file(beside, schema) as sink:
        waiting: list[SampleRow] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == _ROWS:
                sink.write_batch(_batch(waiting, schema))
                waiting = []
        if waiting:
            sink.write_batch(_batch(waiting, schema))


def read_samples(path: Path) -> SampleTable:
    """Map the file into memory; up to 1024 pictures are read when they are looked at.

    Raises:
        ShardError: if it is missing, truncated, or of another version.
    """
    if not path.is_file():
        raise ShardError(f"{path} is missing; {_REMEDY}")
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
    except (OSError, pa.ArrowException) as error:
        raise ShardError(f"{path} is broken ({' '.join(str(error).split())}); {_REMEDY}") from None
    metadata = table.schema.metadata or {}
    if metadata.get(b"version") != str(VERSION).encode():
        raise ShardError(f"{path} is not of version {VERSION}; {_REMEDY}")
    size = int(metadata[b"height"]), int(metadata[b"width"])
    pieces = [_images(chunk, size) for chunk in table.column("image").chunks]
    return SampleTable(
        keys=table.column("key").to_pylist(),
        sample=table.column("sample").to_numpy(),
        resampled=table.column("resampled").to_numpy(),
        image=pieces[0] if len(pieces) == 1 else np.concatenate([np.empty((0, *size, 3), np.uint8), *pieces]),
    )


def _images(chunk: pa.Array, size: tuple[int, int]) -> ndarray:
    return np.frombuffer(chunk.buffers()[1], dtype=np.uint8).reshape(len(chunk), *size, 3)


def _schema(height: int, width: int) -> pa.Schema:
    columns = [
        pa.field("key", pa.string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("resampled", pa.int32(), nullable=False),
        pa.field("image", pa.binary(height * width * 3), nullable=False),
    ]
    return pa.schema(columns, {"version": str(VERSION), "height": str(height), "width": str(width)})


def _batch(rows: Sequence[SampleRow], schema: pa.Schema) -> pa.RecordBatch:
    images = np.stack([row.image for row in rows])
    buffers = [None, pa.py_buffer(images)]
    columns = [
        pa.array([row.key for row in rows], pa.string()),
        pa.array([row.sample for row in rows], pa.int32()),
        pa.array([row.resampled for row in rows], pa.int32()),
        pa.Array.from_buffers(schema.field("image").type, len(rows), buffers),
    ]
    return pa.record_batch(columns, schema=schema)
