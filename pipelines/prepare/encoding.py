"""Chunks of a data set, read, checked and encoded: what workers do."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from smis.core.errors import ImageError, LabelError
from smis.core.sample import Sample
from smis.data import chunks
from smis.data.rows import Rows, check, encode
from smis.data.schema import Header
from smis.data.writer import CHUNK
from smis.datasets.io.problems import Problem
from smis.datasets.io.protocol import Reader

PRELOAD = ["pipelines.prepare", "pandas"]
"""For workers; pyarrow looks for pandas at its first array: once for all of them, and not in each."""


class Chunk(NamedTuple):
    """Samples that are encoded together."""

    split: str
    start: int
    stop: int
    """Excluded."""


def divided(reader: Reader) -> list[Chunk]:
    """Divide a data set into chunks."""
    counts = {split: reader.count(split) for split in reader.splits}
    return [
        Chunk(split, start, min(start + CHUNK, count))
        for split, count in counts.items()
        for start in range(0, count, CHUNK)
    ]


@dataclass(frozen=True)
class Encoded:
    """A chunk, without the samples that do not fit."""

    rows: Rows | None
    problems: list[Problem] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write it to a file."""
        chunks.save(path, self.rows, notes=json.dumps([asdict(problem) for problem in self.problems]))

    @classmethod
    def load(cls, path: Path) -> "Encoded":
        """Read what `save` wrote.

        Raises:
            ShardError: if a byte has changed.
        """
        rows, notes = chunks.load(path)
        return cls(rows, [Problem(**each) for each in json.loads(notes)])


def encoded(given: tuple[Reader, Header], chunk: Chunk | tuple[str, int, int]) -> Encoded:
    """Read, check and encode the samples of a chunk."""
    split, start, stop = chunk
    return read(given, split, range(start, stop))


def read(given: tuple[Reader, Header], split: str, numbers: Sequence[int]) -> Encoded:
    """Read, check and encode samples of a split."""
    reader, header = given
    samples: list[Sample] = []
    problems: list[Problem] = []
    for number in numbers:
        try:
            samples.append(reader.read(split, number))
        except (LabelError, ImageError) as error:
            problems.append(Problem(reader.key(split, number), split, str(error)))
    try:
        return Encoded(encode(samples, header) if samples else None, problems)
    except (LabelError, ImageError):
        return _fitting(samples, problems, header)


def _fitting(samples: Sequence[Sample], problems: list[Problem], header: Header) -> Encoded:
    misfits = [_misfit(sample, header) for sample in samples]
    fitting = [sample for sample, misfit in zip(samples, misfits, strict=True) if misfit is None]
    problems += [misfit for misfit in misfits if misfit]
    return Encoded(encode(fitting, header) if fitting else None, problems)


def _misfit(sample: Sample, header: Header) -> Problem | None:
    try:
        check(sample, header)
    except (LabelError, ImageError) as error:
        return Problem(sample.key, sample.split, str(error))
    return None
