"""A small workspace with prepared data, samples, metrics and curves of two systems, made up."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smis.core.sample import RESAMPLED_ALL, Sample, SampleRow
from smis.data.samples import write_samples
from smis.data.schema import Header
from smis.data.writer import write
from smis.metrics.image.result import Result

CLASSES = ("ground", "coat", "hat")
SIZE = 12
SYSTEMS = ("groupdnet", "vspade")


def result(value: float, *, reach: float = 0.0, **protocol: Any) -> dict[str, Any]:
    return {"value": value, "interval": [value - reach, value + reach], "protocol": {"device": "cpu", **protocol}}


def results(scale: float) -> dict[str, Any]:
    diversity = {"network": "stlpips_alex", "samples": 4}
    return {
        "mOCD": result(0.01 * scale, reach=0.002, **diversity),
        "mCSD": result(0.02, reach=0.002, **diversity),
        "mIoU": result(0.7 / scale, reach=0.05),
        "mIoU_real": result(0.9, reach=0.05),
        "images_per_second": result(100.0 * scale, reach=5.0, batch=1),
        "parameters_g": result(1e6),
        "parameters_ge": result(2e6 * scale),
    }


def sample(number: int, split: str) -> Sample:
    """Ground everywhere, a coat in the middle, a hat on every second head."""
    labels = np.zeros((SIZE, SIZE), np.uint8)
    labels[5:11, 3:9] = 1
    labels[2:5, 4:8] = 2 * (number % 2)
    image = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    return Sample(f"{split}/{number}", split, image, labels, labels.astype(np.uint16))


def drawn(real: list[Sample], resampled: int) -> Iterator[SampleRow]:
    for one in real:
        if resampled == RESAMPLED_ALL or (one.labels == resampled).any():
            for number in range(3):
                image = one.image.copy()
                image[(one.labels == resampled) | (resampled == RESAMPLED_ALL)] = 80 * number
                yield SampleRow(key=one.key, sample=number, resampled=resampled, image=image)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    palette = ((240, 240, 240), (60, 120, 200), (200, 60, 60))
    test = [sample(number, "test") for number in range(4)]
    write(Path("data/dolls"), [sample(0, "train"), *test], header=Header("dolls", CLASSES, palette, SIZE, SIZE))
    for system, scale in zip(SYSTEMS, (1.0, 5.0), strict=True):
        folder = Path("runs/dolls", system, "seed-0")
        for resampled in (RESAMPLED_ALL, *range(len(CLASSES))):
            name = "everything" if resampled == RESAMPLED_ALL else f"class-{resampled}"
            write_samples(folder / "samples" / f"{name}.arrow", drawn(test, resampled), height=SIZE, width=SIZE)
        lines = [json.dumps({"step": step, "GAN": scale / step, "KLD": 10.0**-step}) for step in range(1, 5)]
        (folder / "history.jsonl").write_text("\n".join(lines) + "\n")
        write_metrics(system, results(scale))
        write_tables(system, scale)
    Path("params.yaml").write_text(
        f"axes: {{dataset: [dolls], system: [{', '.join(SYSTEMS)}], seed: [0]}}\nreport: {{rows: 2}}\n"
    )
    return tmp_path


def typed(metrics: dict[str, Any]) -> dict[str, Result]:
    """As the report reads them."""
    return {name: Result.from_json(name, entry) for name, entry in metrics.items()}


def write_tables(system: str, scale: float) -> None:
    """Resamples whose middle 95 % are the intervals of mOCD, and of mCSD, which differs by noise alone."""
    numbers = np.random.default_rng(len(system))
    shared = np.random.default_rng(0).normal(size=400)
    draws = {"mOCD": 0.01 * scale + 0.001 * shared, "mCSD": 0.02 + 0.001 * numbers.normal(size=400)}
    folder = Path("runs/dolls", system, "seed-0/tables")
    folder.mkdir(parents=True)
    pq.write_table(pa.table(draws), folder / "resamples.parquet")
    classes = {"class": list(CLASSES), "pixels": [90, 40, 0], "IoU": [0.9, 0.7, None]}
    classes |= {"CSD": [0.02, 0.03, None], "OCD": [0.0, 0.01 * scale, None]}
    pq.write_table(pa.table(classes), folder / "per_class.parquet")


def write_metrics(system: str, metrics: dict[str, Any]) -> None:
    path = Path("metrics/dolls", system, "seed-0.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(metrics))
