"""What decides which bytes are written: by it a run knows its own unfinished shards, and a machine another's work."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pipelines.prepare.encoding import Chunk
from smis.data.schema import Header
from smis.data.writer import PrepareConfig
from smis.datasets.io import left_out
from smis.datasets.io.protocol import Reader


def of_making(reader: Reader, header: Header) -> str:
    """Name all but the files that decides what rows are made: classes, sizes, settings, code."""
    package = Path(left_out.__file__).parents[2]
    code = sorted(path for folder in ("core", "data", "datasets") for path in (package / folder).rglob("*.py"))
    digest = hashlib.sha256(json.dumps([header.metadata(), reader.settings]).encode())
    for path in (*code, *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def of_run(reader: Reader, header: Header, config: PrepareConfig) -> str:
    """Name everything that decides what is written: another one's shards are never gone on with."""
    said = [of_making(reader, header), config.model_dump(), reader.fingerprint]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def of_chunk(reader: Reader, making: str, chunk: Chunk) -> str:
    """Name what a chunk is made of; the same on every machine that has the same files, settings and code."""
    sources = (reader.source(chunk.split, number, times=False) for number in range(chunk.start, chunk.stop))
    return joined([making, *sources])[:32]


def of_sample(reader: Reader, split: str, number: int) -> bytes:
    """Name what a sample is made of here, so that it is made once: 16 bytes."""
    return hashlib.sha256(reader.source(split, number).encode()).digest()[:16]


def joined(names: Iterable[str]) -> str:
    """Return the SHA-256 of names, a line for each."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
