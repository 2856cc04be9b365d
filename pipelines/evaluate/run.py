"""Measure a trained system's samples: diversity, distance to real images, agreement with the label maps, cost."""

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from pipelines.cell import Cell
from pipelines.evaluate import tables
from pipelines.evaluate.config import EvaluateConfig, Params
from pipelines.params import read
from smis.core.errors import ParamsError
from smis.core.files import written, written_folder
from smis.core.images import to_image
from smis.core.progress import ProgressBar
from smis.core.seeding import Noise, generator
from smis.core.shapes import Image, LabelMap
from smis.data.samples import SampleTable, read_samples
from smis.data.shards import Prepared, Split
from smis.metrics import segmenter
from smis.metrics.cost import Cost
from smis.metrics.image import embeddings, lpips
from smis.metrics.image.features import compute_protocol, device_of
from smis.metrics.image.fid import FrechetDistance, Statistics
from smis.metrics.image.result import Bootstrap, Result
from smis.metrics.kid import KernelDistance
from smis.metrics.model_diversity import SampleMetrics
from smis.metrics.segmentation import Segmentation
from smis.models.system_registry import SYSTEMS
from smis.training.export import load_system


def main(dataset: str, system: str, seed: str) -> None:
    """Write the cell's metrics and tables.

    The label maps are resampled alike for every seed: the mean over seeds of a resample is that of the same maps.
    """
    cell = Cell.parse(dataset, system, seed)
    config, data = read(Params).evaluate, Prepared(Path("data") / dataset)
    device, bootstrap = device_of(), Bootstrap(config.resamples)
    trained = load_system(cell.checkpoint, SYSTEMS)
    cost = _measure_cost(trained.system, data.split("test"), config, device=device, bootstrap=bootstrap)
    evaluation = SampleEvaluation(data, cell, config, device=device)
    with ProgressBar(f"evaluating {cell.title}", total=evaluation.steps, unit="sets of images") as bar:
        evaluation.update(bar)
    common = {"split": "test", "resize": "none", **compute_protocol(device)}
    results = [result.with_protocol(common) for result in (*evaluation.compute(bootstrap), *cost)]
    metrics = {result.name: result.to_json() for result in results}
    columns = {
        "per_label_map": tables.per_label_map(evaluation.samples, evaluation.segmentation, data.classes),
        "per_class": tables.per_class(evaluation.samples, evaluation.segmentation, data.classes, bootstrap=bootstrap),
        "resamples": tables.resamples(results),
    }
    with written_folder(cell.tables) as folder:
        for name, table in columns.items():
            pq.write_table(pa.table(dict(table)), folder / f"{name}.parquet")
        tables.plot_classes(columns["per_class"], folder / "classes.png", title=cell.title)
    with written(cell.metrics) as beside:
        beside.write_text(
            json.dumps(metrics | evaluation.real_results, indent=2, allow_nan=False) + "\n", encoding="utf-8"
        )
    print(", ".join(f"{name} {entry['value']:.4g}" for name, entry in metrics.items()))


def _measure_cost(
    system: Any, split: Split, config: EvaluateConfig, *, device: torch.device, bootstrap: Bootstrap
) -> tuple[Result, ...]:
    """Measure the cost from label maps on the device to images on the device, with new latents in each run.

    Called before the networks of the metrics are loaded: on a CPU, memory is that of the process.
    """
    system = system.to(device)
    cost = Cost(system.generator, system.encoder, batch=config.timed_batch, device=device)
    noise = Noise(generator(bootstrap.seed, "speed"))
    for run in range(config.timed_runs):
        indices = [(run * config.timed_batch + position) % len(split) for position in range(config.timed_batch)]
        batch = split.batch(indices).to(device)

        @torch.inference_mode()
        def synthesize(batch: Any = batch) -> Tensor:
            style = system.sample(batch.labels, batch.instances, noise)
            return system.synthesize(batch.labels, batch.instances, style)

        cost.update(batch.keys, synthesize)
    return cost.compute(bootstrap)


class SampleEvaluation:
    """All metrics of the samples of one cell.

    Raises:
        ShardError: if samples or the reference are missing.
        WeightsError: if the segmenter or the weights of a network are missing.
        ParamsError: if the reference holds no vectors.
    """

    def __init__(self, data: Prepared, cell: Cell, config: EvaluateConfig, *, device: torch.device) -> None:
        shared = Path("runs", cell.dataset)
        self._data, self._test, self._config, self._device = data, data.split("test"), config, device
        self._segmenter = segmenter.load(shared / "segmenter.safetensors", device=device)
        self._reference = Statistics.read(shared / "reference.npz")
        self.samples = SampleMetrics(
            lpips.load(config.network).to(device),
            classes=len(data.classes),
            ignore=data.ignored,
            pairs=config.pairs,
            region=config.region,
            batch=config.batch,
        )
        self.segmentation = Segmentation(
            classes=len(data.classes), ignore=self._segmenter.ignored, protocol=self._segmenter.protocol
        )
        self.frechet, self.kernel = self._distances()
        folder = cell.samples
        self._single = read_samples(folder / "single.arrow")
        self._overall = read_samples(folder / "everything.arrow")
        per_class = map(read_samples, sorted(folder.glob("class-*.arrow")))
        self._classes = [table for table in per_class if len(table) and int(table.resampled[0]) not in data.ignored]
        self._instances = [read_samples(path) for path in folder.glob("instances.arrow")]

    @property
    def steps(self) -> int:
        """Number of calls of `bar.advance` by `update`."""
        sets = sum(len(table.groups()) for table in (self._overall, *self._classes, *self._instances))
        return sets + len(self._single_batches)

    @property
    def real_results(self) -> dict[str, Any]:
        """The segmenter's results on real images, as in its file, with its checksum in the protocol."""
        results = {name: self._segmenter.facts["results"][name] for name in ("mIoU_real", "accuracy_real")}
        own = self._segmenter.protocol
        return {name: entry | {"protocol": own | entry["protocol"]} for name, entry in results.items()}

    def update(self, bar: ProgressBar) -> None:
        """Measure all samples; the bar advances with every set of images."""
        for key, _, image in self._sets(self._overall):
            self.samples.overall.update(key, image)
            bar.advance(note="samples that vary everything")
        for table in self._classes:
            self._update_class(table, bar)
        for table in self._instances:
            self._update_instances(table, bar)
        self._update_single(bar)

    def compute(self, bootstrap: Bootstrap) -> list[Result]:
        """Return the results in the order of the metrics file."""
        results = [*self.samples.compute(bootstrap), self.frechet.compute(bootstrap), self.kernel.compute(bootstrap)]
        return [*results, *self.segmentation.compute(bootstrap)]

    def _distances(self) -> tuple[FrechetDistance, KernelDistance]:
        protocol = json.loads(self._reference.protocol)
        frechet, kernel = embeddings.NAMES[protocol["network"]]
        distances = FrechetDistance(frechet, self._reference, protocol), KernelDistance(kernel, protocol)
        if self._reference.vectors is None:
            raise ParamsError("runs/.../reference.npz holds no vectors; run `dvc repro reference` again")
        distances[1].update_real(self._reference.vectors)
        return distances

    def _update_class(self, table: SampleTable, bar: ProgressBar) -> None:
        for key, class_id, image in self._sets(table):
            area = self._labels([key])[0] == class_id
            self.samples.classes.update(key, image, area, resampled=class_id)
            bar.advance(note=f"samples that vary {self._data.classes[class_id]}")

    def _update_instances(self, table: SampleTable, bar: ProgressBar) -> None:
        for key, instance, image in self._sets(table):
            area = self._test.batch([self._indices[key]]).instances[0].to(self._device) == instance
            if int(self._labels([key])[0][area][0]) not in self._data.ignored:
                self.samples.instances.update(key, image, area, resampled=instance)
            bar.advance(note="samples that vary one instance")

    def _update_single(self, bar: ProgressBar) -> None:
        """Measure one image of each label map: agreement with the map, and distance of all to the real images."""
        embedding = embeddings.load(json.loads(self._reference.protocol)["network"], self._device)
        for rows in self._single_batches:
            keys = self._single.keys[rows]
            image = to_image(self._single.image[rows], device=self._device)
            features = embedding.of(image)
            self.frechet.update(features, keys)
            self.kernel.update(features, keys)
            self.segmentation.update(keys, self._segmenter.predict(image), self._labels(keys))
            bar.advance(note="one sample of each label map")

    @property
    def _single_batches(self) -> list[slice]:
        size = self._config.batch
        return [slice(start, start + size) for start in range(0, len(self._single), size)]

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {key: index for index, key in enumerate(self._test.keys)}

    def _labels(self, keys: Iterable[str]) -> LabelMap:
        return self._test.batch([self._indices[key] for key in keys]).labels.to(self._device)

    def _sets(self, table: SampleTable) -> Iterator[tuple[str, int, Image]]:
        """Yield the samples of each label map that differ in one thing: its key, the id of the thing, the images."""
        for (key, resampled), rows in table.groups().items():
            if len(rows) < 2:
                raise ParamsError(f"sample.samples: {len(rows)} gives no pairs to compare; at least 2 are needed")
            yield key, resampled, to_image(table.image[rows], device=self._device)
