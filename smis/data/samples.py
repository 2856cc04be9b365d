"""Drawn pictures on disk: one Arrow file for each kind of sampling."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
from jaxtyping import Int, UInt8
from numpy import ndarray

from smis.core.errors import ShardError
from smis.core.files import written
from smis.core.sample_row import SampleRow
from smis.core.shapes import Picture
from smis.data.schema import VERSION

_ROWS = 1024
_REMEDY = "run `dvc repro sample` again"


class MappedPictures:
    """The pictures of a file (n, h, w, 3) in its pieces, which are mapped: what is looked at is read, and no more.

    It is indexed as an array is along its first axis: a number gives a picture of the file, rows give copies.
    """

    def __init__(self, pieces: Sequence[UInt8[ndarray, "_ h w 3"]], size: tuple[int, int]) -> None:
        self._pieces = pieces
        self._starts = np.cumsum([0, *map(len, pieces)])
        self.shape = (int(self._starts[-1]), *size, 3)

    def __len__(self) -> int:
        return self.shape[0]

    @overload
    def __getitem__(self, rows: int | np.integer) -> Picture: ...
    @overload
    def __getitem__(self, rows: slice | Sequence[int] | Int[ndarray, " b"]) -> UInt8[ndarray, "b h w 3"]: ...
    def __getitem__(self, rows: Any) -> ndarray:
        """Return one picture, or many in the order given."""
        every = range(len(self))
        if isinstance(rows, int | np.integer):
            return self._row(every[rows])
        numbers = every[rows] if isinstance(rows, slice) else [every[row] for row in rows]
        found = np.empty((len(numbers), *self.shape[1:]), dtype=np.uint8)
        for place, number in enumerate(numbers):
            found[place] = self._row(number)
        return found

    def __iter__(self) -> Iterator[Picture]:
        return map(self._row, range(len(self)))

    def _row(self, number: int) -> Picture:
        piece = int(np.searchsorted(self._starts, number, side="right")) - 1
        return self._pieces[piece][number - self._starts[piece]]


@dataclass(frozen=True, eq=False)
class SampleTable:
    """All pictures of a file, row by row."""

    keys: list[str]
    sample: Int[ndarray, " n"]
    resampled: Int[ndarray, " n"]
    image: MappedPictures

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
    """Map the file into memory; pictures are read when they are looked at.

    Raises:
        ShardError: if it is missing, truncated, of another version, or holds something else.
    """
    if not path.is_file():
        raise ShardError(f"{path} is missing; {_REMEDY}")
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
    except (OSError, pa.ArrowException) as error:
        raise ShardError(f"{path} is broken ({' '.join(str(error).split())}); {_REMEDY}") from None
    size = _size(table.schema, path)
    return SampleTable(
        keys=table.column("key").to_pylist(),
        sample=table.column("sample").to_numpy(),
        resampled=table.column("resampled").to_numpy(),
        image=MappedPictures([_images(chunk, size) for chunk in table.column("image").chunks], size),
    )


def _size(schema: pa.Schema, path: Path) -> tuple[int, int]:
    """Return height and width, if these are samples of our version."""
    metadata = schema.metadata or {}
    given = [metadata.get(name, b"").decode(errors="replace") for name in (b"version", b"height", b"width")]
    if not all(each.isdecimal() for each in given):
        raise ShardError(
            f"{path} was not written by `sample`, whose files alone can be read; give pictures in a folder"
        )
    version, height, width = map(int, given)
    if version != VERSION:
        raise ShardError(f"{path} is of version {version}, not {VERSION}; {_REMEDY}")
    if not schema.equals(_schema(height, width)):
        wanted = ", ".join(_schema(height, width).names)
        raise ShardError(f"{path} holds {', '.join(schema.names)}, but samples are {wanted}; give a file of samples")
    return height, width


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
