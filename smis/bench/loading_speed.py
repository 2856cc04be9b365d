"""Images per second of the loader alone, from a prepared data set, or from a made-up one of a preset's size."""

import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from smis.bench.synthetic import synthetic_batch
from smis.core.images import to_uint8
from smis.core.sample import Sample
from smis.data.loader import Loader
from smis.data.schema import Header
from smis.data.shards import Prepared
from smis.data.writer import write
from smis.published.published_datasets import PublishedDataset, dataset_of

_IMAGES = 256


def measure_loading(folder: Path | None, preset: str, *, batch: int, workers: int, repeats: int) -> dict[str, Any]:
    """Time batches of the training split, shuffled and mirrored, in order and ready in memory."""
    if folder is None:
        with tempfile.TemporaryDirectory() as place:
            _made_up(Path(place), dataset_of(preset))
            return measure_loading(Path(place), preset, batch=batch, workers=workers, repeats=repeats)
    data = Prepared(folder)
    split = data.split("train")
    batches = Loader(split, batch=batch, seed=0, workers=workers).from_step(0)
    next(batches)
    count = max(1, len(split) // batch)
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in islice(batches, count):
            pass
        rates.append(count * batch / (time.perf_counter() - start))
    bytes_each = data.height * data.width * (3 + 1 + 2)
    rate = statistics.median(rates)
    return {"images_per_second": rate, "megabytes_per_second": rate * bytes_each / 1e6, "images": len(split)}


def _made_up(folder: Path, data: PublishedDataset) -> None:
    header = Header(data.name, data.classes, data.palette, data.height, data.width)
    samples = []
    for number in range(_IMAGES):
        one = synthetic_batch(data, batch=1, step=number)
        image = to_uint8(one.image)[0]
        maps = one.labels[0].numpy().astype(np.uint8), one.instances[0].numpy().astype(np.uint16)
        samples.append(Sample(f"{number:06d}", "train", image, *maps))
    write(folder, samples, header=header)
