"""What every reader of a data set is, the one that draws its images included."""

from collections.abc import Sequence
from typing import Protocol

from smis.core.sample import Sample
from smis.datasets.io.problems import Problem


class DatasetReader(Protocol):
    """What `Config.build()` of a data set returns; it is pickled to other processes."""

    classes: list[str]
    palette: list[tuple[int, int, int]]
    ignored: Sequence[int]
    """Ids that no metric counts: pixels that nobody labeled, and what the data set's own evaluation leaves out."""
    crop: tuple[int, int] | None
    """Height and width that are seen of training samples, where those are larger than the others."""

    @property
    def problems(self) -> Sequence[Problem]:
        """Say which images no split has, because files of theirs are missing or have one name."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Warnings to print before a long run."""
        ...

    @property
    def fingerprint(self) -> str:
        """Return a text that changes when what is read may have changed."""
        ...

    @property
    def settings(self) -> str:
        """Return everything that decides a sample's bytes, besides its files and this code."""
        ...

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the splits in the order that they are written."""
        ...

    def count(self, split: str) -> int:
        """Return the number of samples in a split."""
        ...

    def key(self, split: str, index: int, /) -> str:
        """Return a sample's key without reading it."""
        ...

    def source(self, split: str, index: int, /) -> str:
        """Return a text that changes when one of the sample's files may have changed."""
        ...

    def read(self, split: str, index: int, /) -> Sample:
        """Read one sample; the same one whenever it is asked for, in whatever order."""
        ...
