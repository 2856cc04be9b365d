"""Reading the prepared format: Arrow files that are mapped into memory, for random access to images.

A mapped file is read-only and shared by all threads and processes that open it.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int
from numpy import ndarray

from smis.core.batch import Batch
from smis.core.errors import ShardError
from smis.core.images import decode
from smis.core.sample import Sample
from smis.data import index
from smis.data.image_batch import ByteImages, corners_of, renumbered
from smis.data.schema import REMEDY, UNREADABLE, Header, ShardEntry, broken, check_readable, checksum, shard_schema

Window = tuple[slice, slice]


class Shard:
    """One Arrow file with one record batch."""

    def __init__(self, path: Path, entry: ShardEntry, header: Header) -> None:
        self.path = path
        self._header = header
        self._entry = entry
        self._batch = self._mapped()

    def _mapped(self) -> pa.RecordBatch:
        check_readable(self.path, missing=f"{self.path} is missing; {REMEDY}")
        try:
            with pa.memory_map(str(self.path)) as file:
                reader = pa.ipc.open_file(file)
                Header.read(reader.schema.metadata, source=self.path)
                batch = reader.get_batch(0)
                batch.validate(full=True)
        except UNREADABLE as error:
            raise broken(self.path, error) from None
        written = (batch.schema.metadata or {}).get(b"checksum", b"")
        fits = batch.num_rows == self._entry.rows and batch.schema.equals(shard_schema(self._header, self._entry.split))
        if not fits or any(column.null_count for column in batch.columns) or written != self._entry.checksum.encode():
            raise ShardError(f"{self.path} is not the file that {index.NAME} beside it names; {REMEDY}")
        return batch

    def verify(self) -> None:
        """Read the whole file and compare its checksum.

        Raises:
            ShardError: if a byte has changed.
        """
        if checksum(self._batch) != self._entry.checksum:
            raise ShardError(f"{self.path} does not have the checksum that it was written with; {REMEDY}")

    @cached_property
    def keys(self) -> list[str]:
        """Keys of the images."""
        return self._batch.column("key").to_pylist()

    def pictures(self, rows: Int[ndarray, " b"], *, corners: Int[ndarray, "b 2"] | None = None) -> ByteImages:
        """Read rows, in the order given: whole, or the window whose top left corner is given, in pixels."""
        windows = None if corners is None else self._windows(corners)
        instances = self._pixels("instances", rows=rows, windows=windows)
        return ByteImages(
            image=self._pixels("image", 3, rows=rows, windows=windows),
            labels=self._pixels("labels", rows=rows, windows=windows),
            instances=instances if windows is None else renumbered(instances),
        )

    def _windows(self, corners: Int[ndarray, "b 2"]) -> list[Window]:
        height, width = self._header.height, self._header.width
        return [(slice(top, top + height), slice(left, left + width)) for top, left in corners.tolist()]

    def _pixels(self, name: str, *more: int, rows: ndarray, windows: list[Window] | None) -> ndarray:
        """Read a column of maps, or of colors, whose third axis `more` is."""
        column, shape = self._batch.column(name), (*self._header.size_of(self._entry.split), *more)
        if self._header.encoding == "raw":
            kind = np.dtype("<u2" if name == "instances" else "u1")
            found = np.frombuffer(column.buffers()[1], dtype=kind).reshape(len(column), *shape)
            if windows is None:
                return found[rows]
            found = [found[row] for row in rows]
        else:
            found = self._decoded(column, shape, rows=rows)
        return np.stack(found if windows is None else [one[at] for one, at in zip(found, windows, strict=True)])

    def _decoded(self, column: pa.Array, shape: tuple[int, ...], *, rows: ndarray) -> list[ndarray]:
        try:
            return [decode(column[int(row)].as_py()).reshape(shape) for row in rows]
        except (OSError, SyntaxError, ValueError) as error:
            raise broken(self.path, error) from None


class Split:
    """The images of one split, in their written order; pickled as a path, each process maps the files itself.

    Example:
        >>> split = Prepared(Path("prepared")).split("train")
        >>> len(split), split[2].key, split.batch([0, 2]).image.shape
        (3, 'image-2', torch.Size([2, 3, 32, 64]))
    """

    def __init__(self, folder: Path, name: str, header: Header) -> None:
        self.folder = folder
        self.name = name
        self.header = header
        entries = [entry for entry in header.shards if entry.split == name]
        self._shards = [Shard(folder / entry.file, entry, header) for entry in entries]
        self._starts = np.cumsum([0, *(entry.rows for entry in entries)])

    def __reduce__(self) -> tuple[type["Split"], tuple[Path, str, Header]]:
        return Split, (self.folder, self.name, self.header)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, number: int) -> Sample:
        if not 0 <= number < len(self):
            raise IndexError(number)
        pictures = self.pictures(np.array([number]))
        return Sample(self.keys[number], self.name, pictures.image[0], pictures.labels[0], pictures.instances[0])

    @cached_property
    def keys(self) -> ndarray:
        """Keys of the images (an array of str objects)."""
        return np.array([key for shard in self._shards for key in shard.keys], dtype=object)

    @cached_property
    def pixels(self) -> Int[ndarray, "n classes"]:
        """Number of pixels of each class on each image in its file, from the index."""
        return index.read_pixels(self.folder, self.name)

    def pictures(self, numbers: Int[ndarray, " b"], *, where: Float64[ndarray, "b 2"] | None = None) -> ByteImages:
        """Read images by number, in the order given, at the header's `height` and `width`.

        From images that are larger in their files, the window at `where` (down and across, 0..1) is cropped, or the
        center.
        """
        corners = self._corners(len(numbers), where)
        shards = np.searchsorted(self._starts, numbers, side="right") - 1
        if len(self._shards) == 1:
            return self._shards[0].pictures(numbers, corners=corners)
        found = [(shard, np.flatnonzero(shards == shard)) for shard in np.unique(shards)]
        parts = [
            self._shards[shard].pictures(
                numbers[at] - self._starts[shard], corners=None if corners is None else corners[at]
            )
            for shard, at in found
        ]
        order = np.argsort(np.concatenate([at for _, at in found]))
        kinds = ("image", "labels", "instances")
        return ByteImages(*(np.concatenate([getattr(part, kind) for part in parts])[order] for kind in kinds))

    def _corners(self, count: int, where: Float64[ndarray, "b 2"] | None) -> Int[ndarray, "b 2"] | None:
        size, seen = self.header.size_of(self.name), (self.header.height, self.header.width)
        if size == seen:
            return None
        return corners_of(np.full((count, 2), 0.5) if where is None else where, size=size, seen=seen)

    def batch(self, numbers: Sequence[int] | Int[ndarray, " b"]) -> Batch:
        """Read images by number as a batch; of images that are larger in their files, the center crop."""
        chosen = np.asarray(numbers, dtype=np.int64)
        return self.pictures(chosen).to_batch(tuple(self.keys[chosen]))

    def batch_numbers(self, size: int, *, limit: int | None = None) -> list[Int[ndarray, " b"]]:
        """Return the numbers of images in batches: of all, or of at most `limit` that are evenly spaced.

        Example:
            >>> split = Prepared(Path("prepared")).split("train")
            >>> [numbers.tolist() for numbers in split.batch_numbers(2)]
            [[0, 1], [2]]
        """
        count = min(len(self), limit or len(self))
        numbers = np.arange(count) * len(self) // count
        return [numbers[start : start + size] for start in range(0, count, size)]

    def verify(self) -> None:
        """Read everything once and compare checksums.

        Raises:
            ShardError: for the first file in which a byte has changed.
        """
        for shard in self._shards:
            shard.verify()


class Prepared:
    """A prepared data set in a folder.

    Raises:
        ShardError: if the folder is none, is broken, or is of another version.

    Example:
        >>> data = Prepared(Path("prepared"))
        >>> data.splits, len(data.classes), (data.height, data.width)
        (['train'], 6, (32, 64))
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.header = index.read_header(self.folder)
        self.dataset = self.header.dataset
        self.classes = list(self.header.classes)
        """Names by class id."""
        self.ignored = frozenset(self.header.ignored or ())
        """Ids that no metric counts."""
        self.palette = list(self.header.palette)
        """Colors (RGB, 0..255) by class id."""
        self.height, self.width = self.header.height, self.header.width
        """Of every image as it is seen, in pixels."""
        self.splits = list(dict.fromkeys(entry.split for entry in self.header.shards))
        """Names of the splits that have images."""

    def split(self, name: str) -> Split:
        """Open a split's files.

        Raises:
            ShardError: if it has no images, or a file is missing, truncated, or of another version.
        """
        if name not in self.splits:
            there = ", ".join(self.splits) or "none"
            raise ShardError(f"{self.folder} has no pictures in split {name!r}; there are: {there}")
        return Split(self.folder, name, self.header)
