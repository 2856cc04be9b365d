"""Made-up pictures of a data set's size: a few classes in large areas, several instances, as photographs have them."""

from collections.abc import Iterator

import torch

from smis.core.batch import Batch
from smis.core.seeding import generator
from smis.published.data_sets import DataSet

_PRESENT = 12
"""Classes in a picture; of Cityscapes' 35 a street shows about 18, of ADE20K's 151 a room about 9."""
_SIDE = 8
"""Squares along each side of a map."""


def scene(data: DataSet, *, batch: int, shares: int = 1, step: int = 0) -> Batch:
    """Return the batch of a step: noise, and squares of a few classes, an instance for each class."""
    draws = generator(0, "bench", step)
    size = data.height, data.width
    squares = torch.randint(0, min(_PRESENT, len(data.classes)), (batch, _SIDE, _SIDE), generator=draws)
    rows, columns = ((torch.arange(side) * _SIDE // side) for side in size)
    instances = torch.stack([each.unique(return_inverse=True)[1] for each in squares])
    labels = squares * (len(data.classes) // min(_PRESENT, len(data.classes)))
    image = torch.rand(batch, 3, *size, generator=draws) * 2 - 1
    large, pieces = (ids[:, rows][:, :, columns] for ids in (labels, instances))
    return Batch(image, large, pieces, tuple(f"{step}-{number}" for number in range(batch)), shares=shares)


class Scenes:
    """The same few batches again and again, ready in memory: what a loader costs is measured by itself."""

    def __init__(self, data: DataSet, *, batch: int, shares: int) -> None:
        self._ready = [scene(data, batch=batch // shares, shares=shares, step=step) for step in range(2)]

    def from_step(self, step: int) -> Iterator[Batch]:
        """Give batches without end."""
        while True:
            yield self._ready[step % len(self._ready)]
            step += 1
