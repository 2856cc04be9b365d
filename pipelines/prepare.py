"""A raw data set -> the prepared format: read, check and encode in many processes, write in order.

Repeat the command after anything (kill -9, a full disk, a power cut): it goes on after the last shard that was closed.
`$SMIS_WORKERS` says how many processes read; it changes no byte of what is written.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.params import read
from pipelines.stage import end_with_parent, run
from smis.core.config import Config
from smis.core.errors import ImageError, LabelError, ParamsError
from smis.core.files import unwritable
from smis.core.progress import Bar
from smis.core.sample import Sample
from smis.data.rows import Rows, check, encode
from smis.data.schema import Header
from smis.data.writer import CHUNK, PrepareConfig, ShardWriter
from smis.datasets.reading import left_out
from smis.datasets.reading.left_out import LeftOut
from smis.datasets.reading.problems import Problem, as_error
from smis.datasets.reading.protocol import Reader
from smis.datasets.reading.workers import in_order

DATA, SCRATCH = Path("data"), Path(".scratch")
_ENOUGH = 1000
"""Problems after which nobody needs more of them."""

Chunk = tuple[str, int, int]
"""Split, first and last sample (excluded)."""


class Params(Config):
    """Sections that preparing depends on."""

    prepare: PrepareConfig
    dataset: Config


def main(dataset: str) -> None:
    """Write data/DATASET as a whole, or leave what was there."""
    params = read(Params, dataset=dataset)
    reader: Reader = params.dataset.build()  # pyright: ignore[reportAttributeAccessIssue]
    prepare(reader, DATA / dataset, config=params.prepare, scratch=SCRATCH)


def prepare(reader: Reader, path: Path, *, config: PrepareConfig, scratch: Path) -> None:
    """Write a reader's samples as a prepared data set; until it is whole it lies in a folder of `scratch`.

    Raises:
        DataError: with the names of all files that do not fit.
        ParamsError: if there is nothing to write.
        DiskError: if a folder cannot be written.
    """
    for warning in reader.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if reader.problems and not config.skip_bad:
        raise as_error(reader.problems, name=path.name, pictures=_total(reader) + len(reader.problems))
    header = _header(reader, path.name, config)
    folder = _begun(path, scratch / f"prepare-{path.name}-{_digest(reader, header, config)}")
    try:
        lacking = _fill(folder, reader, header, config)
    except _Unfit as unfit:
        shutil.rmtree(folder)
        raise as_error(unfit.problems, name=path.name, pictures=_total(reader)) from None
    _publish(folder, path)
    print(f"{path}: {_summary(reader)}; {len(header.classes)} classes, {header.height} x {header.width} pixels")
    if lacking:
        print(f"left out {lacking} that do not fit; {path / left_out.NAME} says which, and why")


def _total(reader: Reader) -> int:
    return sum(reader.count(split) for split in reader.splits)


def _summary(reader: Reader) -> str:
    return ", ".join(f"{reader.count(split)} {split}" for split in reader.splits)


def _header(reader: Reader, dataset: str, config: PrepareConfig) -> Header:
    first = _first(reader)
    if first is None:
        raise ParamsError(f"datasets.{dataset}: there are no pictures in any split; ask for some")
    return Header(
        dataset=dataset,
        classes=tuple(reader.classes),
        palette=tuple(reader.palette),
        height=first.image.shape[0],
        width=first.image.shape[1],
        encoding=config.encoding,
    )


def _first(reader: Reader) -> Sample | None:
    """Read the first sample that can be read."""
    problems: list[Problem] = []
    for split in reader.splits:
        for number in range(reader.count(split)):
            try:
                return reader.read(split, number)
            except (LabelError, ImageError) as error:
                problems.append(Problem(reader.key(split, number), split, str(error)))
    if problems:
        raise as_error(problems, name="the data set", pictures=len(problems))
    return None


def _digest(reader: Reader, header: Header, config: PrepareConfig) -> str:
    """Name everything that decides what is written: another one's shards are never gone on with."""
    package = Path(left_out.__file__).parents[2]
    code = sorted(path for folder in ("core", "data", "datasets") for path in (package / folder).rglob("*.py"))
    digest = hashlib.sha256(json.dumps([header.metadata(), config.model_dump(), reader.fingerprint]).encode())
    for path in (*code, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _begun(path: Path, folder: Path) -> Path:
    """Open the folder of an unfinished run, or a new one; what other configurations left unfinished goes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    for half in folder.glob(".*.part"):
        half.unlink()
    for other in folder.parent.glob(f"prepare-{path.name}-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _publish(folder: Path, path: Path) -> None:
    try:
        shutil.rmtree(path, ignore_errors=True)
        shutil.move(folder, path)
    except OSError as error:
        raise unwritable(path, error) from error


class _Unfit(Exception):
    """Samples that do not fit, all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(len(problems))
        self.problems = problems


def _fill(folder: Path, reader: Reader, header: Header, config: PrepareConfig) -> int:
    """Write what is missing in a folder; return how many samples were left out."""
    chunks = list(_chunks(reader))
    problems: list[Problem] = []
    with (
        ShardWriter(folder, header, shard_mib=config.shard_mib) as writer,
        Bar(f"preparing {header.dataset}", total=_total(reader), unit="pictures") as bar,
    ):
        notes = LeftOut(folder, after=writer.after)
        bar.skip(sum(stop - start for _, start, stop in chunks[: writer.after]))
        done = _all_encoded(reader, header, chunks[writer.after :])
        for after, ((split, start, stop), found) in enumerate(done, start=writer.after + 1):
            if config.skip_bad:
                notes.add(found.problems, after=after)
            else:
                problems += found.problems
            if found.rows is not None and not problems:
                writer.add(found.rows, after=after)
            bar.advance(stop - start, note=split)
            if len(problems) >= _ENOUGH:
                break
        if problems:
            raise _Unfit(problems)
    return notes.finish(reader.problems)


def _chunks(reader: Reader) -> Iterator[Chunk]:
    for split in reader.splits:
        count = reader.count(split)
        yield from ((split, start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


@dataclass(frozen=True)
class Encoded:
    """A chunk, without the samples that do not fit."""

    rows: Rows | None
    problems: list[Problem] = field(default_factory=list)


def _all_encoded(reader: Reader, header: Header, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, Encoded]]:
    # pyarrow looks for pandas at its first array: once for all workers, and not in each of them.
    preload = ["pipelines.params", "smis.data.writer", "pandas"]
    found = in_order(encoded, (reader, header), chunks, preload=preload, begin=end_with_parent)
    return zip(chunks, found, strict=True)


def encoded(given: tuple[Reader, Header], chunk: Chunk) -> Encoded:
    """Read, check and encode the samples of a chunk; this is what workers do."""
    (reader, header), (split, start, stop) = given, chunk
    samples: list[Sample] = []
    problems: list[Problem] = []
    for number in range(start, stop):
        try:
            samples.append(reader.read(split, number))
        except (LabelError, ImageError) as error:
            problems.append(Problem(reader.key(split, number), split, str(error)))
    try:
        return Encoded(encode(samples, header) if samples else None, problems)
    except (LabelError, ImageError):
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


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
