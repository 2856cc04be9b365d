"""Measure one cell of the table: diversity, distance to the real images, faithfulness to the label maps, cost."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pydantic import PositiveInt
from torch import Tensor

from pipelines.params import read
from pipelines.stage import run
from smis.core import weights
from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.core.files import written, written_folder
from smis.core.progress import Bar
from smis.core.seeding import Noise, generator
from smis.core.shapes import Image, LabelMap
from smis.data.samples import SampleTable, read_samples
from smis.data.shards import Prepared
from smis.engine.checkpoint import load_system
from smis.metrics import cost, stlpips
from smis.metrics.diversity import Diversity, Pairing, RegionDiversity, RegionRule
from smis.metrics.features import device_of, image_of, pooled
from smis.metrics.fid import FrechetDistance, Statistics
from smis.metrics.result import Bootstrap, Result
from smis.metrics.segmentation import Segmentation, accuracy, dont_care, iou, mean_iou
from smis.metrics.segmenter import Segmenter, load, predict
from smis.models.registry import SYSTEMS

_DISTANCE = "stlpips_alex"


class EvaluateConfig(Config):
    """The choices of the protocol that are ours."""

    pairs: Pairing = "consecutive"
    """Neighbouring samples of a label map, or all pairs of them."""
    region: RegionRule = "mask"
    """How a class's area is cut out for mCSD and mOCD."""
    batch: PositiveInt = 32
    resamples: PositiveInt = 1000
    """Of the bootstrap over label maps."""
    timed_batch: PositiveInt = 1
    timed_runs: PositiveInt = 50


class Params(Config):
    """The sections that decide what is measured, and how."""

    seed: int
    evaluate: EvaluateConfig


def main(dataset: str, system: str) -> None:
    """Write metrics/DATASET/SYSTEM.json and runs/DATASET/SYSTEM/tables."""
    params = read(Params)
    cell = Cell(Path("data") / dataset, Path("runs") / dataset, system, params.evaluate, seed=params.seed)
    with Bar(f"evaluating {system} on {dataset}", total=cell.work, unit="sets of images") as bar:
        measured = cell.measure(bar)
    with written_folder(cell.run / "tables") as folder:
        for name, columns in measured.tables.items():
            pq.write_table(pa.table(dict(columns)), folder / f"{name}.parquet")
    with written(Path("metrics") / dataset / f"{system}.json") as beside:
        beside.write_text(json.dumps(measured.metrics, indent=2, allow_nan=False) + "\n")
    print(", ".join(f"{name} {entry['value']:.4g}" for name, entry in measured.metrics.items()))


@dataclass(frozen=True)
class Measured:
    """What the stage writes: metrics by name, and tables by name, each of columns by name."""

    metrics: dict[str, dict[str, Any]]
    tables: dict[str, Mapping[str, list[Any]]]


class Cell:
    """One system on one data set."""

    def __init__(self, data: Path, runs: Path, system: str, config: EvaluateConfig, *, seed: int) -> None:
        self.run = runs / system
        self._data = Prepared(data)
        self._test = self._data.split("test")
        self._config, self._bootstrap = config, Bootstrap(config.resamples, seed)
        self._device = device_of(os.environ.get("SMIS_DEVICE"))
        self._segmenter: Segmenter = load(runs / "segmenter.safetensors", device=self._device)
        self._reference = Statistics.read(runs / "reference.npz")
        self._trained = load_system(self.run / "checkpoint.safetensors", SYSTEMS)
        self._distance = stlpips.load(_DISTANCE).to(self._device)
        self._single = read_samples(self.run / "samples" / "single.arrow")
        self._everything = read_samples(self.run / "samples" / "everything.arrow")
        paths = sorted((self.run / "samples").glob("class-*.arrow"))
        self._classes = [table for table in map(read_samples, paths) if len(table) and self._counts(table)]

    @property
    def work(self) -> int:
        """Count the calls of `bar.advance`."""
        sets = [len(set(table.keys)) for table in (self._everything, *self._classes)]
        return sum(sets) + len(range(0, len(self._single), self._config.batch))

    def measure(self, bar: Bar) -> Measured:
        """Measure everything; the bar advances with every set of images."""
        varied, regions = self._diversity(bar), self._region_diversity(bar)
        found, distance = self._single_images(bar)
        results = [varied.compute(self._bootstrap), *regions.compute(self._bootstrap)]
        results += [distance.compute(self._bootstrap), *found.compute(self._bootstrap)]
        results += [self._speed(), *cost.parameter_counts(self._trained.system.generator, self._trained.system.encoder)]
        metrics = {result.name: self._complete(result).to_json() for result in results}
        tables = {
            "per_label_map": self._per_label_map(varied, regions, found),
            "per_class": self._per_class(regions, found),
        }
        real = {name: self._segmenter.facts["results"][name] for name in ("mIoU_real", "accuracy_real")}
        return Measured(metrics | real, tables)

    def _complete(self, result: Result) -> Result:
        """Add what holds for every value."""
        common = {"split": "test", "resize": "none", "device": cost.device_name(self._device), "precision": "float32"}
        network = result.protocol.get("network")
        known = {"weights": weights.TABLE[network].sha256} if network else {}
        return replace(result, protocol=common | known | dict(result.protocol))

    def _diversity(self, bar: Bar) -> Diversity:
        varied = Diversity(self._distance, pairs=self._config.pairs, batch=self._config.batch)
        for key, image in self._sets(self._everything):
            varied.update(key, image)
            bar.advance(note="samples that vary everything")
        return varied

    def _region_diversity(self, bar: Bar) -> RegionDiversity:
        config = self._config
        regions = RegionDiversity(
            self._distance,
            classes=len(self._data.classes),
            pairs=config.pairs,
            region=config.region,
            batch=config.batch,
        )
        for table in self._classes:
            resampled = int(table.resampled[0])
            for key, image in self._sets(table):
                regions.update(key, image, self._labels([key])[0] == resampled, resampled=resampled)
                bar.advance(note=f"samples that vary {self._data.classes[resampled]}")
        return regions

    def _single_images(self, bar: Bar) -> tuple[Segmentation, FrechetDistance]:
        """Measure one image of each label map: is the map found again, and how far are all from the real images."""
        protocol = json.loads(self._reference.protocol)
        encoder = self._segmenter.facts["config"]["encoder"]
        features = stlpips.load(protocol["network"]).to(self._device)
        distance = FrechetDistance("fd_stlpips_vgg", self._reference, protocol)
        found = Segmentation(
            classes=len(self._data.classes),
            ignore=dont_care(self._data.classes),
            protocol={"segmenter": encoder, "weights": self._segmenter.checksum},
        )
        for start in range(0, len(self._single), self._config.batch):
            keys = self._single.keys[start : start + self._config.batch]
            image = image_of(self._single.image[start : start + self._config.batch], device=self._device)
            distance.update(pooled(features, image))
            found.update(keys, predict(self._segmenter.network, image), self._labels(keys))
            bar.advance(note="one sample of each label map")
        return found, distance

    def _speed(self) -> Result:
        """Time from label maps on the device to images on the device, codes drawn anew each time."""
        system, device = self._trained.system.to(self._device), self._device
        batch = self._test.batch([0] * self._config.timed_batch).to(device)
        noise = Noise(generator(self._bootstrap.seed, "speed"))

        @torch.inference_mode()
        def synthesise() -> Tensor:
            style = system.draw(batch.labels, batch.instances, noise)
            return system.synthesise(batch.labels, batch.instances, style)

        return cost.images_per_second(
            synthesise,
            batch=self._config.timed_batch,
            device=device,
            repeats=self._config.timed_runs,
            bootstrap=self._bootstrap,
        )

    def _per_label_map(
        self, varied: Diversity, regions: RegionDiversity, found: Segmentation
    ) -> Mapping[str, list[Any]]:
        """One row per test label map; empty where it was not measured."""
        columns: dict[str, list[Any]] = {"key": sorted(found.counts)}
        counts = [found.counts[key] for key in columns["key"]]
        columns["accuracy"] = [float(accuracy(count)) for count in counts]
        columns["mIoU"] = [float(mean_iou(count)) for count in counts]
        columns[_DISTANCE] = [varied.values.get(key) for key in columns["key"]]
        for name, table in zip(("CSD", "OCD"), regions.tables()[1:], strict=True):
            rows = dict(zip(regions.tables()[0], table, strict=True))
            nothing = np.full(len(self._data.classes), np.nan)
            for number, label in enumerate(self._data.classes):
                columns[f"{name} {label}"] = [_number(rows.get(key, nothing)[number]) for key in columns["key"]]
        return columns

    def _per_class(self, regions: RegionDiversity, found: Segmentation) -> Mapping[str, list[Any]]:
        _, inside, outside = regions.tables()
        total = found.total()
        maps = (~np.isnan(inside)).sum(axis=0)
        return {
            "class_id": list(range(len(self._data.classes))),
            "class": self._data.classes,
            "pixels": total.sum(axis=1).tolist(),
            "IoU": [_number(value) for value in iou(total)],
            "label_maps": maps.tolist(),
            "CSD": _means(inside),
            "OCD": _means(outside),
        }

    def _counts(self, table: SampleTable) -> bool:
        return int(table.resampled[0]) != dont_care(self._data.classes)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self._test.keys)}

    def _labels(self, keys: Iterable[str]) -> LabelMap:
        return self._test.batch([self._numbers[key] for key in keys]).labels.to(self._device)

    def _sets(self, table: SampleTable) -> Iterator[tuple[str, Image]]:
        """Give the samples of each label map together."""
        rows: dict[str, list[int]] = {}
        for row, key in enumerate(table.keys):
            rows.setdefault(key, []).append(row)
        for key, numbers in rows.items():
            if len(numbers) < 2:
                raise ParamsError(f"sample.samples: {len(numbers)} gives no pairs to compare; at least 2 are needed")
            yield key, image_of(table.image[numbers], device=self._device)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _means(table: np.ndarray) -> list[float | None]:
    present = ~np.isnan(table)
    sums, counts = np.nansum(table, axis=0), present.sum(axis=0)
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
