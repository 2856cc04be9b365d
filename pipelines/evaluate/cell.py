"""The samples of one cell, measured."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from pipelines.evaluate.config import EvaluateConfig
from smis.core.errors import ParamsError
from smis.core.progress import ProgressBar
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.data.samples import SampleTable, read_samples
from smis.data.shards import Prepared
from smis.metrics import cost, segmenter
from smis.metrics.image import embeddings, lpips
from smis.metrics.image.features import image_of
from smis.metrics.image.fid import FrechetDistance, Statistics
from smis.metrics.image.result import Bootstrap, Result, ids_of
from smis.metrics.image.sample_diversity import Diversity, InstanceDiversity, RegionDiversity
from smis.metrics.kid import KernelDistance
from smis.metrics.segmentation import Segmentation


@dataclass(frozen=True)
class Measured:
    """What was gathered, and the results of it."""

    varied: Diversity
    regions: RegionDiversity
    instances: InstanceDiversity
    found: Segmentation
    results: list[Result]
    bootstrap: Bootstrap


class Cell:
    """One system on one data set."""

    def __init__(
        self, data: Prepared, runs: Path, system: str, config: EvaluateConfig, *, device: torch.device, seed: int
    ) -> None:
        self._data, self._test = data, data.split("test")
        self._config, self._bootstrap, self._device = config, Bootstrap(config.resamples, seed), device
        self._segmenter = segmenter.load(runs / "segmenter.safetensors", device=device)
        self._reference = Statistics.read(runs / "reference.npz")
        self._network = lpips.load(config.network).to(device)
        samples = runs / system / "samples"
        self._single = read_samples(samples / "single.arrow")
        self._everything = read_samples(samples / "everything.arrow")
        tables = map(read_samples, sorted(samples.glob("class-*.arrow")))
        self._classes = [table for table in tables if len(table) and int(table.resampled[0]) not in data.ignored]
        self._instances = [read_samples(path) for path in samples.glob("instances.arrow")]

    @property
    def work(self) -> int:
        """Count the calls of `bar.advance`."""
        sets = sum(len(_sets(table)) for table in (self._everything, *self._classes, *self._instances))
        return sets + len(range(0, len(self._single), self._config.batch))

    @property
    def real_results(self) -> dict[str, Any]:
        """What the segmenter reaches on real images; its file, which says so, cannot name its own checksum."""
        known = {name: self._segmenter.facts["results"][name] for name in ("mIoU_real", "accuracy_real")}
        return {name: one | {"protocol": self._segmenter.protocol | one["protocol"]} for name, one in known.items()}

    def measure(self, bar: ProgressBar) -> Measured:
        """Measure everything; the bar advances with every set of images."""
        how: dict[str, Any] = {"pairs": self._config.pairs, "batch": self._config.batch}
        parts: dict[str, Any] = how | {"region": self._config.region}
        varied = Diversity(self._network, **how)
        regions = RegionDiversity(self._network, classes=len(self._data.classes), **parts)
        instances = InstanceDiversity(self._network, **parts)
        self._gather_varied(varied, bar)
        self._gather_regions(regions, bar)
        self._gather_instances(instances, bar)
        found, distances = self._single_images(bar)
        of_parts = [*regions.compute(self._bootstrap)]
        of_parts += instances.compute(self._bootstrap) if instances.values else ()
        uncounted = {"ignore": ids_of(self._data.ignored)} if self._data.ignored else {}
        results = [varied.compute(self._bootstrap)]
        results += [replace(result, protocol=uncounted | dict(result.protocol)) for result in of_parts]
        results += [distance.compute(self._bootstrap) for distance in distances]
        return Measured(varied, regions, instances, found, [*results, *found.compute(self._bootstrap)], self._bootstrap)

    def complete(self, result: Result) -> Result:
        """Add what holds for every value."""
        common = {"split": "test", "resize": "none", "device": cost.device_name(self._device), "precision": "float32"}
        compared = result.protocol.get("network") == self._config.network
        known = lpips.protocol(self._config.network) if compared else {}
        return replace(result, protocol=common | known | dict(result.protocol))

    def _gather_varied(self, varied: Diversity, bar: ProgressBar) -> None:
        for (key, _), image in self._images(self._everything):
            varied.update(key, image)
            bar.advance(note="samples that vary everything")

    def _gather_regions(self, regions: RegionDiversity, bar: ProgressBar) -> None:
        for table in self._classes:
            for (key, resampled), image in self._images(table):
                regions.update(key, image, self._labels([key])[0] == resampled, resampled=resampled)
                bar.advance(note=f"samples that vary {self._data.classes[resampled]}")

    def _gather_instances(self, instances: InstanceDiversity, bar: ProgressBar) -> None:
        for table in self._instances:
            for (key, instance), image in self._images(table):
                inside = self._instance_map(key)[0] == instance
                if int(self._labels([key])[0][inside][0]) not in self._data.ignored:
                    instances.update(key, image, inside, instance=instance)
                bar.advance(note="samples that vary one instance")

    def _single_images(self, bar: ProgressBar) -> tuple[Segmentation, tuple[FrechetDistance, KernelDistance]]:
        """Measure one image of each label map: is the map found again, and how far are all from the real images."""
        protocol = json.loads(self._reference.protocol)
        embedding = embeddings.load(protocol["network"], self._device)
        frechet, kernel = embeddings.NAMES[protocol["network"]]
        distances = FrechetDistance(frechet, self._reference, protocol), KernelDistance(kernel, protocol)
        if self._reference.vectors is None:
            raise ParamsError("runs/.../reference.npz holds no vectors; run `dvc repro reference` again")
        distances[1].update_real(self._reference.vectors)
        found = Segmentation(
            classes=len(self._data.classes),
            ignore=self._segmenter.ignored,
            protocol=self._segmenter.protocol,
        )
        for start in range(0, len(self._single), self._config.batch):
            keys = self._single.keys[start : start + self._config.batch]
            image = image_of(self._single.image[start : start + self._config.batch], device=self._device)
            vectors = embedding.of(image)
            for distance in distances:
                distance.update(vectors, keys)
            found.update(keys, self._segmenter.predict(image), self._labels(keys))
            bar.advance(note="one sample of each label map")
        return found, distances

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self._test.keys)}

    def _labels(self, keys: Iterable[str]) -> LabelMap:
        return self._test.batch([self._numbers[key] for key in keys]).labels.to(self._device)

    def _instance_map(self, key: str) -> InstanceMap:
        return self._test.batch([self._numbers[key]]).instances.to(self._device)

    def _images(self, table: SampleTable) -> Iterator[tuple[tuple[str, int], Image]]:
        """Give the samples that belong together, with their label map and what was resampled."""
        for what, rows in _sets(table).items():
            if len(rows) < 2:
                raise ParamsError(f"sample.samples: {len(rows)} gives no pairs to compare; at least 2 are needed")
            yield what, image_of(table.image[rows], device=self._device)


def _sets(table: SampleTable) -> dict[tuple[str, int], list[int]]:
    rows: dict[tuple[str, int], list[int]] = {}
    for row, what in enumerate(zip(table.keys, table.resampled.tolist(), strict=True)):
        rows.setdefault(what, []).append(row)
    return rows
