"""The protocol of data set readers: those that read files, and the one that draws its images."""

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

    problems: Sequence[Problem]
    """Images that are in no split, because a file of theirs is missing, or two files have one name."""
    warnings: Sequence[str]
    """To print before a long run."""
    fingerprint: str
    """Changes when what is read may have changed."""
    settings: str
    """Everything that decides a sample's bytes, besides its files and this code."""
    splits: tuple[str, ...]
    """Names of the splits, in the order in which they are written."""

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
