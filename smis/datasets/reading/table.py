"""The files of many pictures in little memory: every process that reads has the whole list."""

from collections.abc import Sequence
from typing import overload

import numpy as np

from smis.datasets.reading.names import as_bytes
from smis.datasets.reading.pairing import Entry

_BETWEEN = "\0"
"""No file's name has this."""


class Table(Sequence[Entry]):
    """Entries as one text and the places where they end; an object for each would take six times the room."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        rows = [as_bytes(_BETWEEN.join((e.key, e.image, e.instances or "", *e.labels))) for e in entries]
        self._text = b"".join(rows)
        self._ends = np.cumsum([0, *map(len, rows)])

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, number: int) -> Entry: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Entry]: ...

    def __getitem__(self, number: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        row = self._text[self._ends[number] : self._ends[number + 1]].decode(errors="surrogateescape")
        key, image, instances, *labels = row.split(_BETWEEN)
        return Entry(key, image, tuple(labels), instances or None)
