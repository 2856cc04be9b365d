"""The data set: every picture is a function of (seed, split, index)."""

from collections.abc import Mapping, Sequence

import numpy as np

from smis.core.sample import Sample
from smis.core.shapes import Picture
from smis.datasets.paperdoll import rendering
from smis.datasets.paperdoll.appearance import Appearance, draw_appearance
from smis.datasets.paperdoll.classes import NAMES, PALETTE
from smis.datasets.paperdoll.dice import Dice
from smis.datasets.paperdoll.layout import Layout, make_layout

_LAYOUT, _APPEARANCE = 0, 1


class PaperDoll:
    """People in clothes drawn by code, whose layout and appearance are drawn apart.

    So it is known what a perfect generator does: for a `layout`, any `appearance` is as likely as any other, and
    each class's is independent of the rest. Holds no state: it may be pickled, and read from many processes.
    """

    classes: list[str] = list(NAMES)
    palette: list[tuple[int, int, int]] = list(PALETTE)
    ignored: Sequence[int] = ()
    crop: tuple[int, int] | None = None
    problems: tuple[()] = ()
    warnings: tuple[()] = ()

    def __init__(self, *, size: int, people: int, counts: Mapping[str, int], seed: int) -> None:
        self.size = size
        self.people = people
        self.seed = seed
        self._counts = dict(counts)
        self.fingerprint = f"{size} {people} {self._counts} {seed}"
        self.settings = f"{size} {people} {list(counts)} {seed}"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits' names."""
        return tuple(self._counts)

    def count(self, split: str) -> int:
        """Say how many pictures a split has."""
        return self._counts[split]

    def key(self, split: str, index: int) -> str:
        """Name a picture."""
        return f"{split}/{index:06d}"

    def source(self, split: str, index: int) -> str:
        """Name a picture: it is made of no file."""
        return self.key(split, index)

    def read(self, split: str, index: int) -> Sample:
        """Draw one picture.

        Raises:
            IndexError: if the split has no such picture.
        """
        layout = self.layout(split, index)
        image = self.render(layout, self.appearance(self._generator(split, index, _APPEARANCE)))
        return Sample(self.key(split, index), split, image, layout.labels, layout.instances)

    def layout(self, split: str, index: int) -> Layout:
        """Draw the geometry of a picture: no color depends on it.

        Raises:
            IndexError: if the split has no such picture.
        """
        if not 0 <= index < self.count(split):
            raise IndexError(f"{split} has pictures 0 to {self.count(split) - 1}, not {index}")
        return make_layout(Dice(self._generator(split, index, _LAYOUT)), size=self.size, people=self.people)

    def appearance(self, generator: np.random.Generator) -> Appearance:
        """Draw a row of numbers for each (person, class); replace one row and only that class looks different."""
        return draw_appearance(generator, people=self.people)

    def render(self, layout: Layout, appearance: Appearance, *, hard: bool = False) -> Picture:
        """Paint a layout; see `rendering.render`."""
        return rendering.render(layout, appearance, hard=hard)

    def _generator(self, split: str, index: int, purpose: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, self.splits.index(split), index, purpose]))
