"""Generate an image of each test label map, and for some many that vary everything, one class or one instance."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from pydantic import Field, NonNegativeInt, PositiveInt

from pipelines.cell import Cell
from pipelines.params import read
from smis.core.config import Config
from smis.core.device import usable_device
from smis.core.files import written_folder
from smis.core.progress import ProgressBar
from smis.core.sample import SampleRow
from smis.core.seeding import generator
from smis.data.samples import write_samples
from smis.data.shards import Prepared, Split
from smis.models.system_registry import SYSTEMS
from smis.sampling.sampler import Sampler, covering
from smis.training.export import Trained, load_system


class SampleConfig(Config):
    """How many images are generated."""

    label_maps: PositiveInt = 24
    """Test label maps with many samples, chosen to show every class."""
    samples: int = Field(default=20, ge=2)
    """Samples per label map that vary everything, and per class of it that vary this class only."""
    instances: NonNegativeInt = 8
    """Most instances per label map that are varied alone, chosen at random; 0 leaves mISD and mOISD out."""
    batch: PositiveInt = 20
    """Images that are synthesized at once."""


class Params(Config):
    """The sections of the stage, and the cell's seed."""

    seed: int
    sample: SampleConfig


def main(dataset: str, system: str, seed: str) -> None:
    """Write the cell's samples."""
    cell = Cell.parse(dataset, system, seed)
    params = read(Params, seed=cell.seed)
    device = usable_device()
    trained = load_system(cell.checkpoint, SYSTEMS)
    _SampleFiles(trained, Prepared(Path("data") / dataset), params, device=device).write(
        cell.samples, title=f"sampling {cell.title}"
    )


class _SampleFiles:
    """The label maps, classes and instances that are sampled, and the files of their samples."""

    def __init__(self, trained: Trained, data: Prepared, params: Params, *, device: torch.device) -> None:
        self._config, self._data = params.sample, data
        self._test: Split = data.split("test")
        system = trained.system.to(device)
        self._sampler = Sampler(system, seed=params.seed, batch=params.sample.batch, device=device)
        present = [counts.nonzero()[0].tolist() for counts in self._test.pixels]
        self._chosen = {index: present[index] for index in covering(present, params.sample.label_maps)}
        self._instances = {index: self._choose_instances(index, seed=params.seed) for index in self._chosen}

    def write(self, folder: Path, *, title: str) -> None:
        parts = sum(map(len, [*self._chosen.values(), *self._instances.values()]))
        total = len(self._test) + self._config.samples * (len(self._chosen) + parts)
        with written_folder(folder) as beside, ProgressBar(title, total=total, unit="images") as bar:
            batches = map(self._test.batch, self._test.batch_numbers(self._config.batch))
            self._file(beside / "single.arrow", self._sampler.single(batches), bar)
            self._file(beside / "everything.arrow", self._everything(), bar)
            for chosen in sorted({c for classes in self._chosen.values() for c in classes}):
                self._file(beside / f"class-{chosen}.arrow", self._one_class(chosen), bar)
            if any(self._instances.values()):
                self._file(beside / "instances.arrow", self._one_instance(), bar)

    def _file(self, path: Path, samples: Iterable[SampleRow], bar: ProgressBar) -> None:
        def rows() -> Iterator[SampleRow]:
            for row in samples:
                yield row
                bar.advance(note=path.stem)

        write_samples(path, rows(), height=self._data.height, width=self._data.width)

    def _everything(self) -> Iterator[SampleRow]:
        for index in self._chosen:
            yield from self._sampler.vary_all(self._test.batch([index]), samples=self._config.samples)

    def _one_class(self, chosen: int) -> Iterator[SampleRow]:
        for index, classes in self._chosen.items():
            if chosen in classes:
                one = self._test.batch([index])
                yield from self._sampler.vary_class(one, chosen=chosen, samples=self._config.samples)

    def _one_instance(self) -> Iterator[SampleRow]:
        for index, instances in self._instances.items():
            for chosen in instances:
                one = self._test.batch([index])
                yield from self._sampler.vary_instance(one, chosen=chosen, samples=self._config.samples)

    def _choose_instances(self, index: int, *, seed: int) -> list[int]:
        """Choose among a label map's instances; a single instance is left out, as nothing lies outside it."""
        one = self._test.batch([index])
        instances = one.instances.unique()
        order = torch.randperm(len(instances), generator=generator(seed, "instances", one.keys[0]))
        return sorted(instances[order[: self._config.instances]].tolist()) if len(instances) > 1 else []
