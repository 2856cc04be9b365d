"""The values behind the metrics, as columns by name: per label map, per class, per resample; the classes as a plot."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from smis.metrics.image.result import Bootstrap, Result
from smis.metrics.model_diversity import SampleMetrics
from smis.metrics.segmentation import Segmentation, accuracy, iou, mean_iou, precision, recall

Columns = Mapping[str, list[Any]]
_PRECISION, _RECALL = "#3457d5", "#d9622b"


def per_label_map(samples: SampleMetrics, segmentation: Segmentation, classes: Sequence[str]) -> Columns:
    """Return one row per test label map; empty where it was not measured."""
    counts = segmentation.counts
    keys = sorted(counts)
    per_instance = samples.instances.per_map()
    columns: dict[str, list[Any]] = {"key": keys}
    columns["accuracy"] = [float(accuracy(counts[key])) for key in keys]
    columns["mIoU"] = [float(mean_iou(counts[key])) for key in keys]
    columns[samples.overall.name] = [samples.overall.values.get(key) for key in keys]
    for number, name in enumerate(("ISD", "OISD")):
        columns[name] = [float(per_instance[key][number]) if key in per_instance else None for key in keys]
    measured, *tables = samples.classes.tables()
    for name, table in zip(("CSD", "OCD"), tables, strict=True):
        rows = dict(zip(measured, table, strict=True))
        empty = np.full(len(classes), np.nan)
        for number, label in enumerate(classes):
            columns[f"{name} {label}"] = [_number(rows.get(key, empty)[number]) for key in keys]
    return columns


def per_class(
    samples: SampleMetrics, segmentation: Segmentation, classes: Sequence[str], *, bootstrap: Bootstrap
) -> Columns:
    """Return one row per class; empty where no label map has it."""
    _, inside, outside = samples.classes.tables()
    total = segmentation.total()
    ious = {result.name: result.interval for result in segmentation.per_class(bootstrap)}
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
    """Return one row per resample; the same row of two systems is the same resample, so differences are paired."""
    return {result.name: result.draws.tolist() for result in results if result.draws is not None}


def plot_classes(classes: Columns, path: Path, *, title: str) -> None:
    """Write a PNG with a line from precision to recall for each class, the largest class first."""
    from matplotlib.figure import Figure  # slow to import, and not needed to read the parameters

    rows = sorted(range(len(classes["class"])), key=lambda row: classes["pixels"][row])
    rows = [row for row in rows if classes["recall"][row] is not None]
    figure = Figure(figsize=(7, 1.4 + 0.28 * len(rows)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    heights = range(len(rows))
    recalls = [classes["recall"][row] for row in rows]
    precisions = [classes["precision"][row] or 0 for row in rows]
    axes.hlines(heights, recalls, precisions, color="#c9ced6", linewidth=3, zorder=1)
    axes.scatter(precisions, heights, color=_PRECISION, label="precision", zorder=2)
    axes.scatter(recalls, heights, color=_RECALL, label="recall", zorder=2)
    axes.set_yticks(heights, [classes["class"][row] for row in rows])
    axes.set_xlim(-0.02, 1.02)
    axes.set_title(f"{title}: agreement with the label maps", loc="left", fontsize=11)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    axes.grid(axis="x", color="#e3e6eb")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _means(table: ndarray) -> list[float | None]:
    present = ~np.isnan(table)
    sums, counts = np.nansum(table, axis=0), present.sum(axis=0)
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]
