"""The files of many pictures in little memory: every process that reads has the whole list."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from smis.datasets.io.names import BETWEEN, as_bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """The files of one picture."""

    key: str
    image: str
    labels: tuple[str, ...]
    """One map, or the parts that are put together to one."""
    instances: str | None = None

    @property
    def files(self) -> list[str]:
        """Name all of them."""
        return [self.image, *self.labels, *([self.instances] if self.instances else [])]


class Table(Sequence[Entry]):
    """Entries as one text and the places where they end; an object for each would take six times the room."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._text, ends = bytearray(), array("q", [0])
        for entry in entries:
            self._text += as_bytes(BETWEEN.join((entry.key, entry.image, entry.instances or "", *entry.labels)))
            ends.append(len(self._text))
        self._ends = np.array(ends)

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
        key, image, instances, *labels = row.split(BETWEEN)
        return Entry(key, image, tuple(labels), instances or None)
