"""Results come from many processes in order; large ones go by a file."""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import pyarrow as pa
import pytest

from smis.core.errors import DiskError
from smis.datasets.io.workers import ResultFile, in_order


class Counted(Sequence[int]):
    """Numbers that know how many of them were taken."""

    taken = 0

    def __len__(self) -> int:
        return 40

    @overload
    def __getitem__(self, number: int) -> int: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[int]: ...

    def __getitem__(self, number: int | slice) -> int | Sequence[int]:
        return range(len(self))[number]

    def __iter__(self) -> Iterator[int]:
        for number in range(len(self)):
            self.taken += 1
            yield number


def add(given: int, piece: int) -> tuple[int, int]:
    return given + piece, os.getpid()


def begin() -> None:
    pass


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_few_wait(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_WORKERS", str(workers))
    pieces, found = Counted(), list[tuple[int, int]]()
    for result in in_order(add, 100, pieces, preload=[], begin=begin):
        found.append(result)
        assert pieces.taken - len(found) <= 2 * workers
    assert [number for number, _ in found] == list(range(100, 140))
    assert len({process for _, process in found} - {os.getpid()}) in ({1, 2} if workers == 2 else {0})


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where files for other processes are written."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def large():
    images = np.random.default_rng(0).integers(0, 256, (3, 700_000), dtype=np.uint8)
    column = pa.Array.from_buffers(pa.binary(700_000), 3, [None, pa.py_buffer(images)])
    return {
        "rows": pa.record_batch({"key": ["a", "bc", "d"], "image": column}),
        "pixels": np.arange(7),
        "images": images,
    }


def test_a_large_result_comes_out_as_it_went_in_and_leaves_no_file(place):
    content = large()
    sent = pickle.dumps(ResultFile(content))
    assert len(sent) < 10_000
    assert len(list(place.iterdir())) == 1
    got = pickle.loads(sent)
    assert list(place.iterdir()) == []
    assert got["rows"].equals(content["rows"])
    assert [buffer and buffer.size for buffer in got["rows"].column("image").buffers()] == [None, 2_100_000]
    for name in ("pixels", "images"):
        assert np.array_equal(got[name], content[name])


def test_a_small_result_needs_no_file(place):
    sent = pickle.dumps(ResultFile([1, np.arange(3)]))
    assert list(place.iterdir()) == []
    number, array = pickle.loads(sent)
    assert (number, array.tolist()) == (1, [0, 1, 2])


def test_another_process_gets_it(place):
    (place / "sent").write_bytes(pickle.dumps(ResultFile(large())))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))['images'].sum())"
    told = subprocess.run([sys.executable, "-c", code, place / "sent"], capture_output=True, text=True, check=True)
    assert int(told.stdout) == large()["images"].sum()


def test_a_full_disk_is_one_line_and_leaves_no_file(place, monkeypatch):
    # /dev/full takes nothing, as a disk without room
    monkeypatch.setattr(tempfile, "mkstemp", lambda **_: (os.open("/dev/full", os.O_WRONLY), str(place / "x")))
    (place / "x").touch()
    with pytest.raises(DiskError, match=r"cannot write .*/x: no space left on device; free space"):
        pickle.dumps(ResultFile(large()))
    assert list(place.iterdir()) == []
