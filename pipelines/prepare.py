"""A raw data set -> the prepared format: read, check and encode in many processes, write in order.

`$SMIS_WORKERS` says how many; it changes no byte of what is written.
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pipelines.params import read
from pipelines.stage import end_with_parent, run
from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.core.files import written_folder
from smis.core.progress import Bar
from smis.core.sample import Sample
from smis.data.rows import Rows, encode
from smis.data.schema import Header
from smis.data.writer import CHUNK, PrepareConfig, ShardWriter

DATA = Path("data")


class Reader(Protocol):
    """What `Config.build()` of a data set returns; it is pickled to other processes."""

    classes: list[str]
    palette: list[tuple[int, int, int]]
    splits: tuple[str, ...]

    def count(self, split: str) -> int:
        """Return the number of samples in a split."""
        ...

    def read(self, split: str, index: int, /) -> Sample:
        """Read one sample; the same one whenever it is asked for, in whatever order."""
        ...


class Params(Config):
    """Sections that preparing depends on."""

    prepare: PrepareConfig
    dataset: Config


def main(dataset: str) -> None:
    """Write data/DATASET as a whole, or leave what was there."""
    params = read(Params, dataset=dataset)
    reader: Reader = params.dataset.build()  # pyright: ignore[reportAttributeAccessIssue]
    prepare(reader, DATA / dataset, config=params.prepare)


def prepare(reader: Reader, path: Path, *, config: PrepareConfig) -> None:
    """Write a reader's samples as a prepared data set.

    Raises:
        LabelError, ImageError: with the name of the sample that does not fit.
        ParamsError: if there is nothing to write.
        DiskError: if the folder cannot be written.
    """
    header = _header(reader, path.name, config)
    total = sum(reader.count(split) for split in reader.splits)
    with (
        written_folder(path) as folder,
        ShardWriter(folder, header, shard_mib=config.shard_mib) as writer,
        Bar(f"preparing {path.name}", total=total, unit="pictures") as bar,
    ):
        for rows in _in_order(reader, header, total=total):
            writer.add(rows)
            bar.advance(len(rows), note=rows.split)
    print(f"{path}: {_summary(reader)}; {len(header.classes)} classes, {header.height} x {header.width} pixels")


def _summary(reader: Reader) -> str:
    return ", ".join(f"{reader.count(split)} {split}" for split in reader.splits)


def _header(reader: Reader, dataset: str, config: PrepareConfig) -> Header:
    first = next((reader.read(split, 0) for split in reader.splits if reader.count(split)), None)
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


def _in_order(reader: Reader, header: Header, *, total: int) -> Iterator[Rows]:
    """Encode chunks in many processes; a few wait for their turn, so that memory stays small."""
    chunks = [
        (split, start, min(start + CHUNK, reader.count(split)))
        for split in reader.splits
        for start in range(0, reader.count(split), CHUNK)
    ]
    workers = min(_workers(), len(chunks))
    if workers <= 1:
        yield from (_encoded(reader, header, *chunk) for chunk in chunks)
        return
    with _pool(workers, reader, header) as pool:
        waiting: deque[Future[Rows]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(_encoded_in_worker, *chunk))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _workers() -> int:
    given = os.environ.get("SMIS_WORKERS") or str(os.cpu_count() or 1)
    if not given.isdigit() or given == "0":
        raise ParamsError(f"SMIS_WORKERS is {given!r}, but it is a number of processes, 1 or more")
    return int(given)


@contextmanager
def _pool(workers: int, reader: Reader, header: Header) -> Iterator[Executor]:
    """Start processes that have imported everything once, in their common parent, and that end with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipelines.params", "smis.data.writer"])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(reader, header))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


_given: tuple[Reader, Header] | None = None
"""In a worker: what its chunks are read with, sent once and not with every chunk."""


def _begin(reader: Reader, header: Header) -> None:
    global _given
    end_with_parent()
    _given = reader, header


def _encoded_in_worker(split: str, start: int, stop: int) -> Rows:
    assert _given is not None
    return _encoded(*_given, split, start, stop)


def _encoded(reader: Reader, header: Header, split: str, start: int, stop: int) -> Rows:
    return encode([reader.read(split, number) for number in range(start, stop)], header)


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
