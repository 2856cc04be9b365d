"""What is to be done for each chunk: read its samples, unless another machine has, or they were prepared before."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, overload

from pipelines.prepare.encoding import Chunk, Encoded, encoded, read
from pipelines.prepare.identity import of_chunk, of_making, of_sample
from smis.core.errors import ShardError
from smis.data.chunks import ENDING
from smis.data.kept import Kept, Place, open_rows
from smis.data.rows import Rows, gathered
from smis.data.schema import Header
from smis.datasets.io.protocol import Reader


class Given(NamedTuple):
    """What every worker knows: the data set, and the folder of what is kept of it."""

    reader: Reader
    header: Header
    kept: Path


class Piece(NamedTuple):
    """A chunk, what its samples are made of, which of them are kept, and the file that another machine has left."""

    chunk: Chunk
    sources: list[bytes]
    places: list[Place | None]
    ready: Path | None


class Pieces(Sequence[Piece]):
    """Pieces of work, each looked up when it is its turn."""

    def __init__(self, given: Given, chunks: Sequence[Chunk], *, ready: Path) -> None:
        self._reader, self._chunks = given.reader, chunks
        self._kept = Kept(given.kept)
        self._ready = ready if ready.exists() else None
        self._making = of_making(given.reader, given.header)

    def __len__(self) -> int:
        return len(self._chunks)

    @overload
    def __getitem__(self, number: int) -> Piece: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Piece]: ...

    def __getitem__(self, number: int | slice) -> Piece | Sequence[Piece]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        chunk = self._chunks[number]
        sources = [of_sample(self._reader, chunk.split, each) for each in range(chunk.start, chunk.stop)]
        return Piece(chunk, sources, self._kept.find(sources), self._found(chunk))

    def _found(self, chunk: Chunk) -> Path | None:
        if self._ready is None:
            return None
        path = self._ready / f"{of_chunk(self._reader, self._making, chunk)}{ENDING}"
        return path if path.exists() else None


def made(given: Given, piece: Piece) -> Encoded:
    """Take a chunk out of its file, or make it of what is kept and what has to be read."""
    found = _taken(piece) or _put_together(given, piece)
    if found.rows is None:
        return found
    split, start, stop = piece.chunk
    sources = dict(zip((given.reader.key(split, each) for each in range(start, stop)), piece.sources, strict=True))
    keys = found.rows.shard.column("key").to_pylist()
    return replace(found, rows=replace(found.rows, sources=tuple(sources[key] for key in keys)))


def _taken(piece: Piece) -> Encoded | None:
    with suppress(ShardError):
        if piece.ready is not None:
            found = Encoded.load(piece.ready)
            piece.ready.unlink()  # a data set need not lie here twice
            return found
    return None


def _put_together(given: Given, piece: Piece) -> Encoded:
    (split, start, stop), places = piece.chunk, piece.places
    if not any(places):
        return encoded(given[:2], piece.chunk)
    try:
        kept = [place and (open_rows(given.kept, place[0]), place[1]) for place in places]
    except ShardError:
        return encoded(given[:2], piece.chunk)
    fresh = read(given[:2], split, [number for number, row in zip(range(start, stop), kept, strict=True) if not row])
    return Encoded(gathered(_in_order(given.reader, piece.chunk, fresh, kept)), fresh.problems)


def _in_order(
    reader: Reader, chunk: Chunk, fresh: Encoded, kept: Sequence[tuple[Rows, int] | None]
) -> list[tuple[Rows, int]]:
    keys = fresh.rows.shard.column("key").to_pylist() if fresh.rows else []
    read = {key: (fresh.rows, row) for row, key in enumerate(keys) if fresh.rows}
    found = [row or read.get(reader.key(chunk.split, chunk.start + at)) for at, row in enumerate(kept)]
    return [row for row in found if row is not None]
