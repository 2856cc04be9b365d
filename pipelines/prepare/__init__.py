"""A raw data set -> the prepared format: read, check and encode in many processes, write in order.

Repeat the command after anything (kill -9, a full disk, a power cut): it goes on after the last shard that was closed.
`$SMIS_WORKERS` says how many processes read; it changes no byte of what is written. Nor does what is kept of a data
set for the time when files are added to it, or those that do not fit are mended (not with `$SMIS_KEEP=0`).
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.params import read
from pipelines.prepare.encoding import PRELOAD, Chunk, Encoded, divided, encoded
from pipelines.prepare.identity import of_making, of_run
from pipelines.prepare.pieces import Given, Pieces, made
from pipelines.stage import end_with_parent
from smis.core.config import Config
from smis.core.errors import ImageError, LabelError, ParamsError
from smis.core.files import unwritable
from smis.core.progress import Bar
from smis.core.sample import Sample
from smis.data.schema import Header
from smis.data.writer import PrepareConfig, ShardWriter
from smis.datasets.io import left_out
from smis.datasets.io.left_out import LeftOut
from smis.datasets.io.problems import Problem, as_error
from smis.datasets.io.protocol import Reader
from smis.datasets.io.workers import in_order

__all__ = ["Params", "encoded", "main", "prepare"]

DATA, SCRATCH = Path("data"), Path(".scratch")
_ENOUGH = 1000
"""Problems after which nobody needs more of them."""
_FIRST = 64
"""Different problems, and no sample without, after which the work does not begin: here one process reads. A picture's
tiles all have one."""


class Params(Config):
    """Sections that preparing depends on."""

    prepare: PrepareConfig
    dataset: Config


@dataclass(frozen=True)
class Opened:
    """A raw data set that can be prepared, and where it lies until it is whole."""

    reader: Reader
    header: Header
    config: PrepareConfig
    folder: Path

    @property
    def chunks(self) -> Path:
        """Return the folder for chunks that other machines have made."""
        return self.folder / "chunks"

    @property
    def kept(self) -> Path:
        """Return the folder for what is taken over when files are added or mended; without it only time is lost."""
        return self.folder.with_name(f"kept-{self.header.dataset}-{of_making(self.reader, self.header)[:16]}")


def main(dataset: str, *, skip_bad: bool = False) -> None:
    """Write data/DATASET as a whole, or leave what was there."""
    params = _read(dataset)
    config = params.prepare.model_copy(update={"skip_bad": skip_bad or params.prepare.skip_bad})
    prepare(_reader(params), DATA / dataset, config=config, scratch=SCRATCH)


def opened(dataset: str) -> Opened:
    """Look into the raw data set of params.yaml.

    Raises:
        ParamsError, DataError: as `prepare`, but for what is seen in pictures only.
    """
    params = _read(dataset)
    return _opened(_reader(params), dataset, config=params.prepare, scratch=SCRATCH)


def prepare(reader: Reader, path: Path, *, config: PrepareConfig, scratch: Path) -> None:
    """Write a reader's samples as a prepared data set; until it is whole it lies in a folder of `scratch`.

    Raises:
        DataError: with the names of all files that do not fit.
        ParamsError: if there is nothing to write.
        DiskError: if a folder cannot be written.
    """
    data = _opened(reader, path.name, config=config, scratch=scratch)
    header, folder = data.header, data.folder
    _begin(path, data)
    try:
        lacking = _fill(data)
    except _Unfit as unfit:
        shutil.rmtree(folder)
        raise as_error(unfit.problems, name=path.name, pictures=_total(reader)) from None
    shutil.rmtree(data.chunks, ignore_errors=True)
    _publish(folder, path)
    print(f"{path}: {_summary(reader)}; {len(header.classes)} classes, {header.height} x {header.width} pixels")
    if lacking:
        print(f"left out {lacking} that do not fit; {path / left_out.NAME} says which, and why")


def _read(dataset: str) -> Params:
    return read(Params, dataset=dataset)


def _reader(params: Params) -> Reader:
    return params.dataset.build()  # pyright: ignore[reportAttributeAccessIssue]


def _opened(reader: Reader, name: str, *, config: PrepareConfig, scratch: Path) -> Opened:
    for warning in reader.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if reader.problems and not config.skip_bad:
        raise as_error(reader.problems, name=name, pictures=_total(reader) + len(reader.problems))
    header = _header(reader, name, config)
    return Opened(reader, header, config, scratch / f"prepare-{name}-{of_run(reader, header, config)}")


def _total(reader: Reader) -> int:
    return sum(reader.count(split) for split in reader.splits)


def _summary(reader: Reader) -> str:
    return ", ".join(f"{reader.count(split)} {split}" for split in reader.splits)


def _header(reader: Reader, dataset: str, config: PrepareConfig) -> Header:
    first = _first(reader, dataset, limit=None if config.skip_bad else _FIRST)
    if first is None:
        raise ParamsError(f"datasets.{dataset}: there are no pictures in any split; ask for some")
    size = first.labels.shape
    height, width = reader.crop or size
    return Header(
        dataset=dataset,
        classes=tuple(reader.classes),
        palette=tuple(reader.palette),
        height=height,
        width=width,
        encoding=config.encoding,
        load_size=size if reader.crop else None,
        ignored=tuple(reader.ignored) or None,
    )


def _first(reader: Reader, dataset: str, *, limit: int | None) -> Sample | None:
    """Read the first sample that can be read; look no further after as many different problems as the limit says."""
    problems: list[Problem] = []
    reasons: set[str] = set()
    for split, number in _places(reader):
        try:
            return reader.read(split, number)
        except (LabelError, ImageError) as error:
            problems.append(Problem(reader.key(split, number), split, str(error)))
            reasons.add(str(error))
        if len(reasons) == limit:
            break
    if problems:
        total = _total(reader)
        name = dataset if len(problems) == total else f"{dataset}, the first of {total},"
        raise as_error(problems, name=name, pictures=len(problems))
    return None


def _places(reader: Reader) -> Iterator[tuple[str, int]]:
    return ((split, number) for split in reader.splits for number in range(reader.count(split)))


def _begin(path: Path, data: Opened) -> None:
    """Open the folder of an unfinished run, or a new one; what other configurations left goes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        data.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    for half in data.folder.glob(".*.part"):
        half.unlink()
    for pattern in ("prepare", "kept", ".kept"):
        for other in data.folder.parent.glob(f"{pattern}-{path.name}-*"):
            if other not in (data.folder, data.kept):
                shutil.rmtree(other, ignore_errors=True)


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


def _fill(data: Opened) -> int:
    """Write what is missing in a data set's folder; return how many samples were left out."""
    reader, config = data.reader, data.config
    chunks = divided(reader)
    problems: list[Problem] = []
    with (
        ShardWriter(data.folder, data.header, shard_mib=config.shard_mib, keep=_keeps(data)) as writer,
        Bar(f"preparing {data.header.dataset}", total=_total(reader), unit="pictures") as bar,
    ):
        if not config.skip_bad:
            _close_holes(writer, chunks)
        notes = LeftOut(data.folder, after=writer.after)
        bar.skip(_pictures(chunks[: writer.after]))
        for after, (chunk, found) in enumerate(_made(data, chunks[writer.after :]), start=writer.after + 1):
            if config.skip_bad:
                notes.add(found.problems, after=after)
            else:
                problems += found.problems
            if found.rows is not None:
                writer.add(found.rows, after=after)
            bar.advance(chunk.stop - chunk.start, note=chunk.split)
            if len(problems) >= _ENOUGH:
                break
        if problems:
            writer.give_up(whole=len(problems) < _ENOUGH)
            raise _Unfit(problems)
    return notes.finish(reader.problems)


def _close_holes(writer: ShardWriter, chunks: Sequence[Chunk]) -> None:
    """Begin anew where a run was killed after it had seen a picture that does not fit: nobody knows its problems."""
    if writer.rows < _pictures(chunks[: writer.after]):
        writer.give_up(whole=False)


def _pictures(chunks: Sequence[Chunk]) -> int:
    return sum(chunk.stop - chunk.start for chunk in chunks)


def _keeps(data: Opened) -> Path | None:
    return None if os.environ.get("SMIS_KEEP") == "0" else data.kept


def _made(data: Opened, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, Encoded]]:
    given = Given(data.reader, data.header, data.kept)
    pieces = Pieces(given, chunks, ready=data.chunks)
    return zip(chunks, in_order(made, given, pieces, preload=PRELOAD, begin=end_with_parent), strict=True)
