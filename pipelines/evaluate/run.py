"""Measure one cell of the table: diversity, distance to the real images, faithfulness to the label maps, cost."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.evaluate import costs, tables
from pipelines.evaluate.cell import Cell
from pipelines.evaluate.config import Params
from pipelines.evaluate.plot import draw
from pipelines.params import read
from smis.core.files import written, written_folder
from smis.core.progress import ProgressBar
from smis.data.shards import Prepared
from smis.metrics.image.features import device_of
from smis.models.systems import SYSTEMS
from smis.training.export import load_system


def main(dataset: str, system: str) -> None:
    """Write metrics/DATASET/SYSTEM.json and runs/DATASET/SYSTEM/tables."""
    params = read(Params)
    config, data, runs = params.evaluate, Prepared(Path("data") / dataset), Path("runs") / dataset
    device = device_of(os.environ.get("SMIS_DEVICE"))
    trained = load_system(runs / system / "checkpoint.safetensors", SYSTEMS)
    spent = costs.measure(trained.system, data.split("test"), config, device=device, seed=params.seed)
    cell = Cell(data, runs, system, config, device=device, seed=params.seed)
    with ProgressBar(f"evaluating {system} on {dataset}", total=cell.work, unit="sets of images") as bar:
        measured = cell.measure(bar)
    results = [cell.complete(result) for result in (*measured.results, *spent)]
    metrics = {result.name: result.to_json() for result in results}
    found = {
        "per_label_map": tables.per_label_map(measured, data.classes),
        "per_class": tables.per_class(measured, data.classes),
        "resamples": tables.resamples(results),
    }
    with written_folder(runs / system / "tables") as folder:
        for name, columns in found.items():
            pq.write_table(pa.table(dict(columns)), folder / f"{name}.parquet")
        draw(found["per_class"], folder / "classes.png", title=f"{system} on {dataset}")
    with written(Path("metrics") / dataset / f"{system}.json") as beside:
        beside.write_text(json.dumps(metrics | cell.real_results, indent=2, allow_nan=False) + "\n")
    print(", ".join(f"{name} {entry['value']:.4g}" for name, entry in metrics.items()))
