"""A cell of the DAG, data set x system x seed: the one place that knows where its stages write."""

from dataclasses import dataclass
from pathlib import Path

from smis.core.errors import ParamsError
from smis.core.numbers import MOST_SEED, parse_whole


@dataclass(frozen=True, order=True)
class Cell:
    """One training and what is made of it; paths are relative to the workspace.

    Example:
        >>> cell = Cell("paperdoll", "inade", 0)
        >>> cell.name, cell.stage("train"), cell.metrics.as_posix()
        ('paperdoll/inade/seed-0', 'train@paperdoll-inade-0', 'metrics/paperdoll/inade/seed-0.json')
    """

    dataset: str
    system: str
    seed: int

    @classmethod
    def parse(cls, dataset: str, system: str, seed: str) -> "Cell":
        """Make a cell of a stage's arguments.

        Raises:
            ParamsError: if the seed is no whole number.
        """
        number = parse_whole(seed, high=MOST_SEED)
        if number is None:
            raise ParamsError(f"the seed is {seed!r}; give a whole number from 0, as in axes.seed of params.yaml")
        return cls(dataset, system, number)

    @property
    def name(self) -> str:
        """The cell as a path, such as `paperdoll/inade/seed-0`."""
        return f"{self.dataset}/{self.system}/seed-{self.seed}"

    @property
    def title(self) -> str:
        """The cell in words."""
        return f"{self.system} on {self.dataset}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """The folder of train, sample and evaluate."""
        return Path("runs", self.name)

    @property
    def checkpoint(self) -> Path:
        """The trained weights."""
        return self.folder / "checkpoint.safetensors"

    @property
    def history(self) -> Path:
        """A row of losses and diagnostics every few training steps."""
        return self.folder / "history.jsonl"

    @property
    def grids(self) -> Path:
        """The folder of the samples that the training showed."""
        return self.folder / "grids"

    @property
    def samples(self) -> Path:
        """The folder of the samples that are measured."""
        return self.folder / "samples"

    @property
    def tables(self) -> Path:
        """The folder of the values behind the metrics."""
        return self.folder / "tables"

    @property
    def metrics(self) -> Path:
        """The file of results."""
        return Path("metrics", f"{self.name}.json")

    def stage(self, name: str) -> str:
        """Return what DVC calls a stage of the cell."""
        return f"{name}@{self.dataset}-{self.system}-{self.seed}"
