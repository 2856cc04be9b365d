import os
from collections.abc import Iterator, Sequence
from typing import overload

import pytest

from smis.datasets.io.workers import in_order


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
