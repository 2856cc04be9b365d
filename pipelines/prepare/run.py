"""A raw data set -> the prepared format: read, check and encode in many processes, write in order.

After an interruption (kill -9, a full disk, a power cut), the same command resumes after the last closed shard.
`$SMIS_WORKERS` sets the number of processes and changes no byte of the result. Neither does the row cache, from which
samples that did not change are taken when a data set is prepared again (`$SMIS_KEEP=0` turns it off).
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipelines.params import read
from pipelines.prepare.chunks import (
    PRELOAD,
    Chunk,
    WorkerContext,
    WorkItems,
    encode_item,
    run_digest,
    settings_digest,
    split_into_chunks,
)
from pipelines.stage import end_with_parent
from smis.core.config import Config
from smis.core.errors import ImageError, LabelError, ParamsError
from smis.core.files import unwritable
from smis.core.messages import report
from smis.core.progress import ProgressBar
from smis.core.sample import Sample
from smis.core.shapes import size_text
from smis.data.schema import Header
from smis.data.writer import PrepareConfig, ShardWriter
from smis.datasets.io.problems import SKIPPED_FILE, Problem, SkippedSamples, as_error
from smis.datasets.io.protocol import DatasetReader
from smis.datasets.io.workers import in_order

DATA, SCRATCH = Path("data"), Path(".scratch")
_MAX_PROBLEMS = 1000
"""After this many invalid samples `prepare` stops."""
_MAX_FIRST_PROBLEMS = 64
"""Different problems before the first valid sample after which `prepare` stops: one process reads at this point.
All tiles of an image have the same problem."""


class Params(Config):
    """How prepared files are laid out, and the data set's own section."""

    prepare: PrepareConfig
    dataset: Config


def main(dataset: str, *, skip_bad: bool = False) -> None:
    """Write data/DATASET as a whole, or leave what was there."""
    params = read(Params, dataset=dataset)
    config = params.prepare.model_copy(update={"skip_bad": skip_bad or params.prepare.skip_bad})
    reader = params.dataset.build()  # pyright: ignore[reportAttributeAccessIssue]
    prepare(reader, DATA / dataset, config=config, scratch=SCRATCH)


def prepare(reader: DatasetReader, path: Path, *, config: PrepareConfig, scratch: Path) -> None:
    """Write a reader's samples as a prepared data set; until it is complete it lies in a folder of `scratch`.

    Raises:
        DataError: with the names of all invalid files.
        ParamsError: if there is nothing to write.
        DiskError: if a folder cannot be written.
    """
    for warning in reader.warnings:
        report(f"warning: {warning}")
    name = path.name
    if reader.problems and not config.skip_bad:
        raise as_error(reader.problems, name=name, pictures=_total(reader) + len(reader.problems))
    header = _header(reader, name, config)
    folder = scratch / f"prepare-{name}-{run_digest(reader, header, config)}"
    context = WorkerContext(reader, header, scratch / f"kept-{name}-{settings_digest(reader, header)[:16]}")
    _clean_up(path, folder=folder, cache=context.cache)
    skipped = _write_shards(context, folder, config=config)
    _publish(folder, path)
    counts = ", ".join(f"{reader.count(split)} {split}" for split in reader.splits)
    size = size_text((header.height, header.width))
    print(f"{path}: {counts}; {len(header.classes)} classes, {size} pixels (height x width)")
    if skipped:
        print(f"left out {skipped} that do not fit; {path / SKIPPED_FILE} says which, and why")


def _total(reader: DatasetReader) -> int:
    return sum(reader.count(split) for split in reader.splits)


def _header(reader: DatasetReader, dataset: str, config: PrepareConfig) -> Header:
    first = _first_valid(reader, dataset, limit=None if config.skip_bad else _MAX_FIRST_PROBLEMS)
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


def _first_valid(reader: DatasetReader, dataset: str, *, limit: int | None) -> Sample | None:
    """Return the first sample that can be read; give up after `limit` different problems."""
    problems: list[Problem] = []
    reasons: set[str] = set()
    for split, number in ((name, number) for name in reader.splits for number in range(reader.count(name))):
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


def _clean_up(path: Path, *, folder: Path, cache: Path) -> None:
    """Create the folder, or keep that of an interrupted run; remove partial files and other configurations'."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    for partial in folder.glob(".*.part"):
        partial.unlink()
    for pattern in ("prepare", "kept", ".kept"):
        for other in folder.parent.glob(f"{pattern}-{path.name}-*"):
            if other not in (folder, cache):
                shutil.rmtree(other, ignore_errors=True)


def _publish(folder: Path, path: Path) -> None:
    try:
        shutil.rmtree(path, ignore_errors=True)
        shutil.move(folder, path)
    except OSError as error:
        raise unwritable(path, error) from error


def _write_shards(context: WorkerContext, folder: Path, *, config: PrepareConfig) -> int:
    """Write the shards that are missing, then the index; return how many samples were left out."""
    reader, header, cache = context
    chunks = split_into_chunks(reader)
    problems: list[Problem] = []
    kept = None if os.environ.get("SMIS_KEEP") == "0" else cache
    with (
        ShardWriter(folder, header, shard_mib=config.shard_mib, cache=kept) as writer,
        ProgressBar(f"preparing {header.dataset}", total=_total(reader), unit="pictures") as bar,
    ):
        if not config.skip_bad and writer.rows < _count(chunks[: writer.after]):
            writer.discard(complete=False)  # the problems that the interrupted run saw were not recorded
        notes = SkippedSamples(folder, after=writer.after)
        bar.skip(_count(chunks[: writer.after]))
        left = chunks[writer.after :]
        encoded_chunks = in_order(
            encode_item, context, WorkItems(context, left), preload=PRELOAD, begin=end_with_parent
        )
        for after, (chunk, encoded) in enumerate(zip(left, encoded_chunks, strict=True), start=writer.after + 1):
            if config.skip_bad:
                notes.add(encoded.problems, after=after)
            else:
                problems += encoded.problems
            if encoded.rows is not None:
                writer.add(encoded.rows, after=after)
            bar.advance(chunk.stop - chunk.start, note=chunk.split)
            if len(problems) >= _MAX_PROBLEMS:
                break
        if problems:
            writer.discard(complete=len(problems) < _MAX_PROBLEMS)
            shutil.rmtree(folder)
            raise as_error(problems, name=header.dataset, pictures=_total(reader))
    return notes.finish(reader.problems)


def _count(chunks: Sequence[Chunk]) -> int:
    return sum(chunk.stop - chunk.start for chunk in chunks)
