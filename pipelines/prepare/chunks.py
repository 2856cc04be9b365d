"""Chunks of a data set: what worker processes read, check and encode, or take from the cache of an earlier run."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from smis.core import files
from smis.core.errors import ImageError, LabelError, ShardError
from smis.core.sample import Sample
from smis.data.closed_shards import RowCache, RowLocation, open_rows
from smis.data.rows import Rows, check_sample, encode_rows, gather_rows
from smis.data.schema import Header
from smis.data.writer import CHUNK, PrepareConfig
from smis.datasets.io.problems import Problem
from smis.datasets.io.protocol import DatasetReader

PRELOAD = ["pipelines.prepare", "pandas"]
"""Modules that the workers' common parent imports; pyarrow imports pandas at its first array."""


class Chunk(NamedTuple):
    """Samples `start` to `stop` (excluded) of a split, which are encoded together."""

    split: str
    start: int
    stop: int


class WorkerContext(NamedTuple):
    """What every worker gets once: the data set, and the folder of cached rows."""

    reader: DatasetReader
    header: Header
    cache: Path


class WorkItem(NamedTuple):
    """A chunk, the digest of what each of its samples is made from, and where cached rows lie."""

    chunk: Chunk
    sources: list[bytes]
    cached: list[RowLocation | None]


@dataclass(frozen=True)
class EncodedChunk:
    """The rows of a chunk's valid samples (None if there are none), and what is wrong with the others."""

    rows: Rows | None
    problems: list[Problem] = field(default_factory=list)


class WorkItems(Sequence[WorkItem]):
    """A work item for each chunk, made when it is asked for: ten million would not fit into memory."""

    def __init__(self, context: WorkerContext, chunks: Sequence[Chunk]) -> None:
        self._reader, self._chunks = context.reader, chunks
        self._cache = RowCache(context.cache)

    def __len__(self) -> int:
        return len(self._chunks)

    def __getitem__(self, index: Any) -> Any:
        chunk = self._chunks[index]
        sources = [_sample_digest(self._reader, chunk.split, number) for number in range(chunk.start, chunk.stop)]
        return WorkItem(chunk, sources, self._cache.find(sources))


def split_into_chunks(reader: DatasetReader) -> list[Chunk]:
    """Divide a data set into chunks, split by split."""
    counts = {split: reader.count(split) for split in reader.splits}
    return [
        Chunk(split, start, min(start + CHUNK, count))
        for split, count in counts.items()
        for start in range(0, count, CHUNK)
    ]


def encode_item(context: WorkerContext, item: WorkItem) -> EncodedChunk:
    """Encode a chunk from cached rows and, where there are none, from the samples' files."""
    encoded = _encode_with_cache(context, item)
    if encoded.rows is None:
        return encoded
    split, start, stop = item.chunk
    sources = dict(zip((context.reader.key(split, each) for each in range(start, stop)), item.sources, strict=True))
    keys = encoded.rows.shard.column("key").to_pylist()
    return replace(encoded, rows=replace(encoded.rows, sources=tuple(sources[key] for key in keys)))


def encode_chunk(context: tuple[DatasetReader, Header], chunk: tuple[str, int, int]) -> EncodedChunk:
    """Read, check and encode the samples of a chunk."""
    split, start, stop = chunk
    return _encode_samples(*context, split, range(start, stop))


def _encode_with_cache(context: WorkerContext, item: WorkItem) -> EncodedChunk:
    (split, start, stop), locations = item.chunk, item.cached
    if not any(locations):
        return encode_chunk(context[:2], item.chunk)
    try:
        cached = [location and (open_rows(context.cache, location[0]), location[1]) for location in locations]
    except ShardError:
        return encode_chunk(context[:2], item.chunk)
    missing = [number for number, row in zip(range(start, stop), cached, strict=True) if not row]
    fresh = _encode_samples(*context[:2], split, missing)
    return EncodedChunk(gather_rows(_merge(context.reader, item.chunk, fresh, cached)), fresh.problems)


def _merge(
    reader: DatasetReader, chunk: Chunk, fresh: EncodedChunk, cached: Sequence[tuple[Rows, int] | None]
) -> list[tuple[Rows, int]]:
    """Return cached and fresh rows in the order of the chunk's samples."""
    keys = fresh.rows.shard.column("key").to_pylist() if fresh.rows else []
    by_key = {key: (fresh.rows, row) for row, key in enumerate(keys) if fresh.rows}
    merged = [row or by_key.get(reader.key(chunk.split, chunk.start + place)) for place, row in enumerate(cached)]
    return [row for row in merged if row is not None]


def _encode_samples(reader: DatasetReader, header: Header, split: str, numbers: Sequence[int]) -> EncodedChunk:
    samples: list[Sample] = []
    problems: list[Problem] = []
    for number in numbers:
        try:
            samples.append(reader.read(split, number))
        except (LabelError, ImageError) as error:
            problems.append(Problem(reader.key(split, number), split, str(error)))
    try:
        return EncodedChunk(encode_rows(samples, header) if samples else None, problems)
    except (LabelError, ImageError):
        valid = [sample for sample in samples if _is_valid(sample, header, problems)]
        return EncodedChunk(encode_rows(valid, header) if valid else None, problems)


def _is_valid(sample: Sample, header: Header, problems: list[Problem]) -> bool:
    try:
        check_sample(sample, header)
    except (LabelError, ImageError) as error:
        problems.append(Problem(sample.key, sample.split, str(error)))
        return False
    return True


def settings_digest(reader: DatasetReader, header: Header) -> str:
    """Return the SHA-256 of all but the files that decides a row's bytes: classes, sizes, settings, code."""
    package = Path(files.__file__).parents[1]
    code = sorted(path for folder in ("core", "data", "datasets") for path in (package / folder).rglob("*.py"))
    digest = hashlib.sha256(json.dumps([header.metadata(), reader.settings]).encode())
    for path in (*code, *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run_digest(reader: DatasetReader, header: Header, config: PrepareConfig) -> str:
    """Name everything that decides what is written: a run resumes only from shards of the same digest."""
    parts = [settings_digest(reader, header), config.model_dump(), reader.fingerprint]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _sample_digest(reader: DatasetReader, split: str, number: int) -> bytes:
    return hashlib.sha256(reader.source(split, number).encode()).digest()[:16]
