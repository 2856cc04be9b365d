"""A workspace in which everything is there that `evaluate` reads, drawn by the perfect generator of `paperdoll`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn

from smis.core.sample import RESAMPLED_ALL, SampleRow
from smis.core.seeding import Noise
from smis.data.samples import write_samples
from smis.data.schema import Header
from smis.data.writer import write
from smis.datasets.paperdoll import Config
from smis.datasets.paperdoll.paper_doll import PaperDoll
from smis.training.export import Trained

SIZE = 32
SAMPLES = 3
LABEL_MAPS = 2
COUNTS = {"train": 24, "validation": 1, "test": 6}
PARAMS: dict[str, Any] = {
    "reference": {"images": 20, "batch": 8},
    "segmenter": {"depth": 3, "width": 16, "steps": 4, "batch": 4},
    "evaluate": {"resamples": 20, "timed_runs": 3},
}


class Painter(nn.Module):
    """Stands for a trained system where only its cost is asked for."""

    encoder = None

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Conv2d(3, 3, 1)

    def sample(self, labels: torch.Tensor, instances: torch.Tensor, noise: Noise) -> torch.Tensor:
        return noise.normal(len(labels), 3, *labels.shape[1:])

    def synthesize(self, labels: torch.Tensor, instances: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        return self.generator(style)


def painted(path: Path, systems: object) -> Trained:
    """Stand for `load_system`."""
    return Trained(system=Painter(), metadata={})


def lay_out(folder: Path, *, ignored: tuple[int, ...] | None = None) -> None:
    """Write params.yaml, data/paperdoll and runs/paperdoll/painter/seed-0/samples."""
    reader = Config(size=SIZE, train=COUNTS["train"], validation=1, test=COUNTS["test"]).build()
    known = tuple(reader.classes), tuple(reader.palette)
    header = Header("paperdoll", *known, height=SIZE, width=SIZE, ignored=ignored)
    real = [reader.read(split, index) for split, count in COUNTS.items() for index in range(count)]
    write(folder / "data" / "paperdoll", real, header=header)
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    samples = folder / "runs" / "paperdoll" / "painter" / "seed-0" / "samples"
    kinds: dict[str, list[SampleRow]] = {"single": list(_varied(reader, range(COUNTS["test"]), samples=1))}
    kinds["everything"] = list(_varied(reader, range(LABEL_MAPS), samples=SAMPLES))
    for row in _one_class(reader):
        kinds.setdefault(f"class-{row.resampled}", []).append(row)
    kinds["instances"] = list(_one_instance(reader))
    for kind, rows in kinds.items():
        write_samples(samples / f"{kind}.arrow", rows, height=SIZE, width=SIZE)


def _varied(reader: PaperDoll, maps: range, *, samples: int) -> Iterator[SampleRow]:
    numbers = np.random.default_rng(0)
    for index in maps:
        for sample in range(samples):
            image = reader.render(reader.layout("test", index), reader.appearance(numbers), hard=True)
            yield SampleRow(reader.read("test", index).key, sample, RESAMPLED_ALL, image)


def _one_class(reader: PaperDoll) -> Iterator[SampleRow]:
    for index in range(LABEL_MAPS):
        for resampled in np.unique(reader.layout("test", index).labels).tolist():
            yield from _one_part(reader, index, resampled, of=resampled)


def _one_instance(reader: PaperDoll) -> Iterator[SampleRow]:
    """One person is there, so that an instance is all there is of its class."""
    for index in range(LABEL_MAPS):
        layout = reader.layout("test", index)
        for instance in np.unique(layout.instances).tolist():
            yield from _one_part(reader, index, instance, of=int(layout.labels[layout.instances == instance][0]))


def _one_part(reader: PaperDoll, index: int, resampled: int, *, of: int) -> Iterator[SampleRow]:
    """Draw anew only the class `of`."""
    numbers = np.random.default_rng(index)
    layout, base = reader.layout("test", index), reader.appearance(numbers)
    for sample in range(SAMPLES):
        changed = base.copy()
        changed[:, of] = reader.appearance(numbers)[:, of]
        image = reader.render(layout, changed, hard=True)
        yield SampleRow(reader.read("test", index).key, sample, resampled, image)
