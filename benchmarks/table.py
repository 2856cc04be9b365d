"""`python -m benchmarks.table`: what a stage costs as the table grows, beside the stage itself, as JSON.

DVC reads and writes the whole dvc.lock for each stage that it runs, so what counts is how many stages share one. Tables
whose stages do nothing, with as many dependencies as those of the project, are recorded in one dvc.lock, in one for
each data set (ten cells), or in one for each cell, as the workspaces of a sweep's trials have it. Seconds are processor
time of DVC, so that other processes of the machine do not count: with some stages changed, less those with none, for
each of these stages.

With `--rewrite`: one reading and writing of a dvc.lock of so many cells by the function of DVC that does it. With
`--tracking`: publishing to MLflow, for each cell, into a SQLite file that already has many runs.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from dvc.utils.serialize import modify_yaml

from benchmarks.clock import machine

SYSTEMS, DEPENDENCIES = 10, 17
DATASET, SYSTEM = "doll0000", "system0"
STAGES: dict[str, Any] = {
    "train": {
        "cmd": "mkdir -p runs/${item.dataset}/${item.system}; date +%s%N > runs/${item.dataset}/${item.system}/weights",
        "params": ["seed", "train", "cells.${item.dataset}.${item.system}"],
        "deps": [f"code/{number:02}" for number in range(DEPENDENCIES)],
        "outs": ["runs/${item.dataset}/${item.system}/weights"],
    },
    "evaluate": {
        "cmd": "cp runs/${item.dataset}/${item.system}/weights runs/${item.dataset}/${item.system}/metrics",
        "deps": [f"code/{number:02}" for number in range(DEPENDENCIES)]
        + ["runs/${item.dataset}/${item.system}/weights"],
        "outs": ["runs/${item.dataset}/${item.system}/metrics"],
    },
}
FORMS = {"one dvc.lock": None, "one for each data set": SYSTEMS, "one for each cell": 1}
"""By name, how many cells share a dvc.lock."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time DVC and MLflow in tables of stages that do nothing.")
    parser.add_argument("--cells", type=int, nargs="*", default=[100, 1000], help="sizes of the table, in tens")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=[*FORMS])
    parser.add_argument("--tracking", type=int, nargs="*", default=[], help="sizes of the tables in MLflow")
    parser.add_argument("--rewrite", type=int, nargs="*", default=[], help="sizes of the tables in a dvc.lock")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smis-table-") as folder:
        tables = [measure(Path(folder), cells, form) for cells in asked.cells for form in asked.forms]
        rewritten = [rewrite(Path(folder, f"{cells}.lock"), cells) for cells in asked.rewrite]
        tracked = [track(Path(folder, f"tracked-{cells}"), cells) for cells in asked.tracking]
    print(json.dumps({"machine": machine(), "dvc": tables, "rewrite": rewritten, "mlflow": tracked}, indent=2))


def measure(folder: Path, cells: int, form: str) -> dict[str, Any]:
    """Time a table in one form."""
    root = folder / f"{cells}-{form.replace(' ', '-')}"
    groups = make_table(root, cells, FORMS[form] or cells)
    # Cells of the first data set change; in a table that is split by cells, each of them is a target of its own.
    targets = [group for group in groups if group.partition(".")[0] == DATASET or group == "all"]
    files = [str(file_of(group)) for group in targets]
    unchanged = repro(root, files)
    changing = SYSTEMS if len(groups) > 1 or cells <= SYSTEMS else 1  # one cell takes a minute in a large dvc.lock
    write_params(root, cells, changing=changing)
    changed = repro(root, files)
    stages = len(STAGES) * changing
    lock = (root / file_of(targets[0])).with_suffix(".lock")
    found = {"cells": cells, "form": form, "files": len(groups), "lock_kilobytes": lock.stat().st_size // 1000}
    shutil.rmtree(root)
    found["changed_stages"] = stages
    return found | {"unchanged_s": unchanged, "stage_s": round((changed - unchanged) / stages, 3)}


def make_table(root: Path, cells: int, together: int) -> list[str]:
    """Make a table that is up to date, with so many cells in each dvc.yaml; return the names of these groups."""
    (root / "code").mkdir(parents=True)
    for number in range(DEPENDENCIES):
        (root / f"code/{number:02}").write_text(str(number))
    run(root, "init", "--no-scm", "--quiet")
    write_params(root, SYSTEMS)
    write_dag(root, "all", {"dataset": [DATASET], "system": [SYSTEM]})
    repro(root, [str(file_of("all"))])
    lock = root / "all/dvc.lock"
    head, stages, body = lock.read_text().partition("stages:\n")
    shutil.rmtree(root / "all")
    datasets = names(cells)
    for dataset in datasets:
        for system in range(SYSTEMS):
            like = root / f"runs/{dataset}/system{system}"
            if not like.exists():
                shutil.copytree(root / f"runs/{DATASET}/{SYSTEM}", like)
    groups: dict[str, list[tuple[str, str]]] = {}
    for dataset in datasets:
        for system in (f"system{number}" for number in range(SYSTEMS)):
            name = {cells: "all", SYSTEMS: dataset}.get(together, f"{dataset}.{system}")
            groups.setdefault(name, []).append((dataset, system))
    for name, held in groups.items():
        matrix = {
            "dataset": [*dict.fromkeys(cell[0] for cell in held)],
            "system": [*dict.fromkeys(cell[1] for cell in held)],
        }
        write_dag(root, name, matrix)
        likes = (body.replace(DATASET, dataset).replace(SYSTEM, system) for dataset, system in held)
        (root / name / "dvc.lock").write_text(head + stages + "".join(likes))
    write_params(root, cells)
    return [*groups]


def rewrite(lock: Path, cells: int) -> dict[str, Any]:
    """Time DVC's reading and writing of a dvc.lock with the entries of so many cells."""
    hashed = "hash: md5\n      md5: c4ca4238a0b923820dcc509a6f75849b\n      size: 1\n"
    code = "".join(f"    - path: code/{number:02}\n      {hashed}" for number in range(DEPENDENCIES))
    with lock.open("w") as file:
        file.write("schema: '2.0'\nstages:\n")
        for name in (f"{stage}@{cell}" for cell in range(cells) for stage in STAGES):
            params = "    params:\n      params.yaml:\n        seed: 0\n        train:\n          steps: 640\n"
            file.write(f"  {name}:\n    cmd: run {name}\n    deps:\n{code}{params}")
            file.write(f"    outs:\n    - path: runs/{name}\n      {hashed}")
    began = time.process_time()
    with modify_yaml(str(lock)) as content:
        content["stages"]["train@0"]["cmd"] = "another"
    seconds = round(time.process_time() - began, 3)
    return {"cells": cells, "lock_kilobytes": lock.stat().st_size // 1000, "seconds": seconds}


def file_of(group: str) -> Path:
    return Path(group, "dvc.yaml")


def names(cells: int) -> list[str]:
    return [f"doll{number:04}" for number in range(cells // SYSTEMS)]


def write_dag(root: Path, group: str, matrix: dict[str, list[str]]) -> None:
    stages = {name: {"matrix": matrix, "wdir": "..", **stage} for name, stage in STAGES.items()}
    (root / group).mkdir()
    (root / file_of(group)).write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))


def write_params(root: Path, cells: int, *, changing: int = 0) -> None:
    """Write params.yaml, in which so many cells of the first data set have changed."""
    rates = {
        dataset: {f"system{number}": int(dataset == DATASET and number < changing) for number in range(SYSTEMS)}
        for dataset in names(cells)
    }
    (root / "params.yaml").write_text(yaml.safe_dump({"seed": 0, "train": {"steps": 640}, "cells": rates}))


def repro(root: Path, files: list[str]) -> float:
    """Return the processor seconds of `dvc repro`."""
    return run(root, "repro", "--quiet", *files)


def run(root: Path, *words: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=root,
        env=os.environ | {"DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"dvc {' '.join(words)} in {root}:\n{done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)


def track(folder: Path, cells: int) -> dict[str, Any]:
    """Fill a SQLite file with the runs of a table; time a new run, finding one by its checkpoint, and a sorted page."""
    folder.mkdir()
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
    import mlflow
    from mlflow.entities import Metric, Param, RunTag

    client = mlflow.MlflowClient()
    experiment = client.create_experiment("smis/doll", artifact_location=folder.as_uri())
    began = time.process_time()
    for number in range(cells):
        created = client.create_run(experiment, run_name=f"system{number % SYSTEMS}")
        metrics = [Metric(f"metric{index}", index, 0, 0) for index in range(60)]
        params = [Param(f"param{index}", str(number)) for index in range(60)]
        tags = [RunTag("smis.checkpoint", f"{number:064x}"), RunTag("smis.cell", f"doll/{number}")]
        client.log_batch(created.info.run_id, metrics, params, tags)
        client.set_terminated(created.info.run_id)
    filled = time.process_time()
    for number in range(0, cells, max(1, cells // 20)):
        (_,) = client.search_runs([experiment], f"tags.`smis.checkpoint` = '{number:064x}'")
    found = time.process_time()
    client.search_runs([experiment], order_by=["metrics.metric3 DESC"], max_results=100)
    page = time.process_time() - found
    return {
        "runs": cells,
        "megabytes": round((folder / "mlflow.db").stat().st_size / 1e6, 1),
        "new_run_s": round((filled - began) / cells, 4),
        "find_run_s": round((found - filled) / len(range(0, cells, max(1, cells // 20))), 4),
        "page_of_100_s": round(page, 3),
    }


if __name__ == "__main__":
    main()
