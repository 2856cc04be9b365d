"""What `evaluate` will measure, measured of the validation images while a system learns: distance and diversity."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipelines.train.config import MeasuredConfig
from smis.core.sample_row import SampleRow
from smis.core.shapes import Image
from smis.data.shards import Split
from smis.metrics.image import embeddings, networks
from smis.metrics.image.features import image_of
from smis.metrics.image.fid import FrechetDistance, Moments
from smis.metrics.image.result import Bootstrap, gather
from smis.metrics.image.sample_diversity import Diversity
from smis.sampling.sampler import Sampler, covering
from smis.training.distributed import Processes
from smis.training.validation import Criterion

_POINT = Bootstrap(resamples=1)
"""A curve needs no interval."""


class Measuring:
    """Makes the validation images again, each process its share; the batches, and so the draws, are the same for any
    number of processes.
    """

    def __init__(self, config: MeasuredConfig, split: Split, system: Any, processes: Processes, *, seed: int) -> None:
        self._config, self._split, self._processes = config, split, processes
        self._sampler = Sampler(system, seed=seed, batch=config.batch, device=processes.device)
        self._embedding = embeddings.load(config.embedding, processes.device)
        self._network = networks.load(config.network).to(processes.device)
        count = min(len(split), config.images or len(split))
        numbers = np.arange(count) * len(split) // count
        self._batches = [numbers[at : at + config.batch] for at in range(0, count, config.batch)]
        self._diverse = covering([row.nonzero()[0].tolist() for row in split.pixels], config.label_maps)
        moments = Moments(self._embedding.dimensions)
        for chosen in self._batches:
            moments.update(self._embedding.of(split.batch(chosen).image))
        self._real = moments.statistics(json.dumps(embeddings.protocol(config.embedding)))

    def __call__(self) -> Mapping[Criterion, float]:
        """Return both values, on every process the same bits."""
        distance, diversity = FrechetDistance("fd", self._real, {}), Diversity(self._network)
        for chosen in self._batches[self._processes.rank :: self._processes.world]:
            made = list(self._sampler.single([self._split.batch(chosen)]))
            distance.update(self._embedding.of(self._image(made)), [one.key for one in made])
        for number in self._diverse[self._processes.rank :: self._processes.world]:
            made = list(self._sampler.vary_all(self._split.batch([number]), samples=self._config.samples))
            diversity.update(made[0].key, self._image(made))
        found: dict[Criterion, float] = {
            "fd": gather(distance).compute(_POINT).value,
            "lpips": gather(diversity).compute(_POINT).value,
        }
        # each process has merged in an order of its own
        return self._processes.gathered(found)[0]

    def _image(self, made: Sequence[SampleRow]) -> Image:
        return image_of(np.stack([one.image for one in made]), device=self._processes.device)
