"""Generated images on disk: one Arrow file per kind of sampling, whose rows are the sampler's."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
from jaxtyping import Int, UInt8
from numpy import ndarray

from smis.core.errors import ShardError
from smis.core.files import written
from smis.core.sample import SampleRow
from smis.core.shapes import ImageArray
from smis.data.schema import UNREADABLE, VERSION, check_readable

_ROWS = 1024
_REMEDY = "run `dvc repro sample` again"


class MappedImages:
    """The images of a file (n, h, w, 3), memory-mapped: only those that are accessed are read.

    Indexed like an array along its first axis: an integer returns a view of the file, a slice or a list copies.
    """

    def __init__(self, chunks: Sequence[UInt8[ndarray, "_ h w 3"]], size: tuple[int, int]) -> None:
        self._chunks = chunks
        self._starts = np.cumsum([0, *map(len, chunks)])
        self.shape = (int(self._starts[-1]), *size, 3)

    def __len__(self) -> int:
        return self.shape[0]

    @overload
    def __getitem__(self, rows: int | np.integer) -> ImageArray: ...
    @overload
    def __getitem__(self, rows: slice | Sequence[int] | Int[ndarray, " b"]) -> UInt8[ndarray, "b h w 3"]: ...
    def __getitem__(self, rows: Any) -> ndarray:
        """Return one image, or several in the order of `rows`."""
        every = range(len(self))
        if isinstance(rows, int | np.integer):
            return self._row(every[rows])
        numbers = every[rows] if isinstance(rows, slice) else [every[row] for row in rows]
        images = np.empty((len(numbers), *self.shape[1:]), dtype=np.uint8)
        for position, number in enumerate(numbers):
            images[position] = self._row(number)
        return images

    def __iter__(self) -> Iterator[ImageArray]:
        return map(self._row, range(len(self)))

    def _row(self, number: int) -> ImageArray:
        chunk = int(np.searchsorted(self._starts, number, side="right")) - 1
        return self._chunks[chunk][number - self._starts[chunk]]


@dataclass(frozen=True, eq=False)
class SampleTable:
    """The rows of a file as columns, see `SampleRow`."""

    keys: list[str]
    sample: Int[ndarray, " n"]
    resampled: Int[ndarray, " n"]
    image: MappedImages

    def __len__(self) -> int:
        return len(self.keys)

    def groups(self) -> dict[tuple[str, int], list[int]]:
        """Return the rows of each label map and of what was resampled."""
        rows: dict[tuple[str, int], list[int]] = {}
        for row, group in enumerate(zip(self.keys, self.resampled.tolist(), strict=True)):
            rows.setdefault(group, []).append(row)
        return rows


def write_samples(path: Path, rows: Iterable[SampleRow], *, height: int, width: int) -> None:
    """Write generated images in a stream.

    Raises:
        DiskError: if the file cannot be written.

    Example:
        >>> rows = [SampleRow("map 1", n, -1, np.full((4, 8, 3), n, np.uint8)) for n in range(3)]
        >>> write_samples(Path("samples.arrow"), rows, height=4, width=8)
        >>> table = read_samples(Path("samples.arrow"))
        >>> table.keys, int(table.image[2].max())
        (['map 1', 'map 1', 'map 1'], 2)
    """
    schema = _schema(height, width)
    with written(path) as beside, pa.ipc.new_file(beside, schema) as sink:
        left = iter(rows)
        while batch := list(islice(left, _ROWS)):
            sink.write_batch(_batch(batch, schema))


def read_samples(path: Path) -> SampleTable:
    """Map a file into memory; images are read when they are accessed.

    Raises:
        ShardError: if it is missing, truncated, of another version, or holds something else.
    """
    check_readable(path, missing=f"{path} is missing; {_REMEDY}")
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
            table.validate(full=True)
    except UNREADABLE as error:
        raise ShardError(f"{path} is broken ({' '.join(str(error).split())}); {_REMEDY}") from None
    size = _size(table.schema, path)
    images = table.column("image").chunks
    arrays = [np.frombuffer(each.buffers()[1], dtype=np.uint8).reshape(len(each), *size, 3) for each in images]
    return SampleTable(
        keys=table.column("key").to_pylist(),
        sample=table.column("sample").to_numpy(),
        resampled=table.column("resampled").to_numpy(),
        image=MappedImages(arrays, size),
    )


_DIGITS = 5
"""Of a height or width."""


def _size(schema: pa.Schema, path: Path) -> tuple[int, int]:
    """Return height and width, after checking the version and the columns."""
    metadata = schema.metadata or {}
    values = [metadata.get(name, b"").decode(errors="replace") for name in (b"version", b"height", b"width")]
    if not all(each.isdecimal() and len(each) <= _DIGITS for each in values):
        raise ShardError(f"{path} was not written by `sample`, whose files alone can be read; give images in a folder")
    version, height, width = map(int, values)
    if version != VERSION:
        raise ShardError(f"{path} is of version {version}, not {VERSION}; {_REMEDY}")
    if not schema.equals(_schema(height, width)):
        expected = ", ".join(_schema(height, width).names)
        raise ShardError(f"{path} holds {', '.join(schema.names)}, but samples are {expected}; give a file of samples")
    return height, width


def _schema(height: int, width: int) -> pa.Schema:
    image = pa.binary(height * width * 3)
    kinds = {"key": pa.string(), "sample": pa.int32(), "resampled": pa.int32(), "image": image}
    columns = [pa.field(name, kind, nullable=False) for name, kind in kinds.items()]
    return pa.schema(columns, {"version": str(VERSION), "height": str(height), "width": str(width)})


def _batch(rows: Sequence[SampleRow], schema: pa.Schema) -> pa.RecordBatch:
    *fields, image = schema
    columns = [pa.array([getattr(row, field.name) for row in rows], field.type) for field in fields]
    buffers = [None, pa.py_buffer(np.stack([row.image for row in rows]))]
    return pa.record_batch([*columns, pa.Array.from_buffers(image.type, len(rows), buffers)], schema=schema)
