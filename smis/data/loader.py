"""Batches without end; which images are in batch s, and what is drawn for them, is a function of s alone."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from itertools import chain, count, islice

import numpy as np
import torch
from jaxtyping import Int
from numpy import ndarray
from torch.utils.data import DataLoader

from smis.core.batch import Batch
from smis.core.errors import ParamsError
from smis.core.forkserver import forkserver_context, signals_deferred
from smis.core.seeding import generator
from smis.data.image_batch import DeviceTransformBatch, uniform
from smis.data.shards import Split

_AHEAD = 3
"""Batches that are made ready while the loop computes."""


@lru_cache(maxsize=4)
def epoch_order(samples: int, seed: int, epoch: int) -> Int[ndarray, " n"]:
    """Return the order in which an epoch shows the samples; each comes once.

    Example:
        >>> sorted(epoch_order(4, seed=0, epoch=1).tolist())
        [0, 1, 2, 3]
    """
    return torch.randperm(samples, generator=generator(seed, "epoch", epoch)).numpy()


def stream(positions: Int[ndarray, " b"], *, samples: int, seed: int) -> Int[ndarray, " b"]:
    """Return the sample at each position of the endless stream of shuffled epochs.

    Example:
        >>> sorted(stream(np.arange(8, 12), samples=4, seed=0).tolist())  # the third epoch
        [0, 1, 2, 3]
    """
    epochs, places = np.divmod(positions, samples)
    numbers = np.empty_like(positions)
    for epoch in np.unique(epochs):
        chosen = epochs == epoch
        numbers[chosen] = epoch_order(samples, seed, int(epoch))[places[chosen]]
    return numbers


class Loader:
    """One process's share of the endless stream of batches.

    The global batch `s` is positions `s * batch` to `(s + 1) * batch` of the stream, and process `rank` of `world_size`
    takes the rank-th piece of it. Whether an image is flipped, and which window is cropped from a file that is larger,
    depends on (seed, position) alone: both are new in every epoch, and neither the number of processes, nor of workers,
    nor where a run is resumed changes a pixel.

    Args:
        split: The images.
        batch: Images of the global batch.
        seed: Of order, flips and crops.
        rank: Number of this process.
        world_size: Number of processes.
        workers: 0 makes batches ready in a thread of this process, the fastest for raw images; more are processes, for
            images that must be decoded.
        flip: Whether half of the images are flipped left to right.
        late: Whether batches are flipped and scaled on the device that they are sent to; where there is a GPU, they
            wait in pinned memory.

    Raises:
        ParamsError: if the batch cannot be shared evenly.

    Example:
        >>> from pathlib import Path
        >>> from smis.data.shards import Prepared
        >>> split = Prepared(Path("prepared")).split("train")
        >>> whole = Loader(split, batch=2, seed=0)[7]
        >>> halves = [Loader(split, batch=2, seed=0, rank=rank, world_size=2)[7] for rank in (0, 1)]
        >>> torch.equal(torch.cat([half.image for half in halves]), whole.image)
        True
    """

    def __init__(
        self,
        split: Split,
        *,
        batch: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        flip: bool = True,
        late: bool = False,
    ) -> None:
        if batch < 1 or batch % world_size:
            raise ParamsError(
                f"a batch of {batch} cannot be shared by {world_size} processes; take a multiple of {world_size}"
            )
        self._split, self._seed = split, seed
        self._batch, self._rank, self._world_size = batch, rank, world_size
        self._workers, self._flip, self._late = workers, flip, late

    def __getitem__(self, step: int) -> Batch | DeviceTransformBatch:
        """Make this part of global batch `step`; steps count from 0."""
        share = self._batch // self._world_size
        positions = np.arange(share) + (step * self._batch + self._rank * share)
        numbers = stream(positions, samples=len(self._split), seed=self._seed)
        where = [uniform(self._seed, positions, purpose) for purpose in ("crop row", "crop column")]
        pictures = self._split.pictures(numbers, where=np.stack(where, axis=1))
        keys = tuple(self._split.keys[numbers])
        flipped = (uniform(self._seed, positions, "flip") < 0.5) & self._flip
        if self._late:
            return DeviceTransformBatch.of(pictures, flipped, keys, shares=self._world_size)
        return pictures.flipped(flipped).to_batch(keys, shares=self._world_size)

    def from_step(self, step: int) -> Iterator[Batch | DeviceTransformBatch]:
        """Yield batches `step`, `step + 1`, ... without end."""
        batches = self._from_processes(step) if self._workers else self._from_thread(step)
        return map(_pinned, batches) if self._late and torch.cuda.is_available() else batches

    def _from_thread(self, step: int) -> Iterator[Batch | DeviceTransformBatch]:
        thread = ThreadPoolExecutor(1, thread_name_prefix="loader")
        try:
            ahead: deque[Future[Batch | DeviceTransformBatch]] = deque()
            for number in count(step):
                ahead.append(thread.submit(self.__getitem__, number))
                if len(ahead) == _AHEAD:
                    yield ahead.popleft().result()
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    def _from_processes(self, step: int) -> Iterator[Batch | DeviceTransformBatch]:
        batches = DataLoader(
            self,  # pyright: ignore[reportArgumentType]
            batch_size=None,
            sampler=count(step),
            num_workers=self._workers,
            multiprocessing_context=forkserver_context(["smis.data.loader"]),
        )
        with signals_deferred():  # until every worker has answered: one that starts says a lot when its parent ends
            started = iter(batches)
            first = list(islice(started, self._workers))
        yield from chain(first, started)


def _pinned(batch: Batch | DeviceTransformBatch) -> Batch | DeviceTransformBatch:
    return batch.pinned() if isinstance(batch, DeviceTransformBatch) else batch
