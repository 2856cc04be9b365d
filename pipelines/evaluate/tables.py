"""The values behind the metrics, as columns by name: of each label map, of each class, of each resample."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from pipelines.evaluate.cell import Measured
from smis.metrics.image.result import Result
from smis.metrics.segmentation import accuracy, iou, mean_iou, precision, recall

Columns = Mapping[str, list[Any]]


def per_label_map(measured: Measured, classes: Sequence[str]) -> Columns:
    """One row per test label map; empty where it was not measured."""
    counts = measured.found.counts
    keys = sorted(counts)
    varied, of_instances = measured.varied, measured.instances.per_map()
    columns: dict[str, list[Any]] = {"key": keys}
    columns["accuracy"] = [float(accuracy(counts[key])) for key in keys]
    columns["mIoU"] = [float(mean_iou(counts[key])) for key in keys]
    columns[measured.results[0].name] = [varied.values.get(key) for key in keys]
    for number, name in enumerate(("ISD", "OISD")):
        columns[name] = [float(of_instances[key][number]) if key in of_instances else None for key in keys]
    there, *tables = measured.regions.tables()
    for name, table in zip(("CSD", "OCD"), tables, strict=True):
        rows = dict(zip(there, table, strict=True))
        nothing = np.full(len(classes), np.nan)
        for number, label in enumerate(classes):
            columns[f"{name} {label}"] = [_number(rows.get(key, nothing)[number]) for key in keys]
    return columns


def per_class(measured: Measured, classes: Sequence[str]) -> Columns:
    """One row per class; empty where it is nowhere."""
    _, inside, outside = measured.regions.tables()
    total = measured.found.total()
    ious = {result.name: result.interval for result in measured.found.per_class(measured.bootstrap)}
    bounds = [ious.get(f"IoU_{number}", (np.nan, np.nan)) for number in range(len(classes))]
    return {
        "class_id": list(range(len(classes))),
        "class": list(classes),
        "pixels": total[1].tolist(),
        "IoU": _numbers(iou(total)),
        "IoU_low": _numbers([low for low, _ in bounds]),
        "IoU_high": _numbers([high for _, high in bounds]),
        "precision": _numbers(precision(total)),
        "recall": _numbers(recall(total)),
        "label_maps": (~np.isnan(inside)).sum(axis=0).tolist(),
        "CSD": _means(inside),
        "OCD": _means(outside),
    }


def resamples(results: Iterable[Result]) -> Columns:
    """One row per resample: the same row of two systems is the same resample, so that differences are paired."""
    return {result.name: result.draws.tolist() for result in results if result.draws is not None}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _means(table: ndarray) -> list[float | None]:
    present = ~np.isnan(table)
    sums, counts = np.nansum(table, axis=0), present.sum(axis=0)
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]
