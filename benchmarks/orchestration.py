"""`python -m benchmarks.orchestration`: what flows and sweeps cost beside the stages themselves, as JSON.

Tables of ten systems whose stages do next to nothing and are up to date, in which nothing changes, or the cells of one
data set do: plain `dvc repro` against `python -m flows.experiment`, one stage at a time, and trials a minute of sweeps.
Goals: a stage takes at most 1 s more in a flow; `make repro` at most 5 s where nothing is to do, which is timed in this
clone if its own pipeline is up to date. No server is needed: Prefect starts one, which a flow of one cell tells apart.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.clock import machine

ROOT = Path(__file__).parents[1]
STAGES, SYSTEMS = 2, 10
DATASET, SYSTEM = "doll000", "system0"
DVC = """\
stages:
  train:
    matrix: {dataset: "${axes.dataset}", system: "${axes.system}", seed: "${axes.seed}"}
    cmd: >-
      mkdir -p runs/${item.dataset}/${item.system} && date +%s%N > runs/${item.dataset}/${item.system}/seed-${item.seed}
    params: [train, "datasets.${item.dataset}"]
    outs: ["runs/${item.dataset}/${item.system}/seed-${item.seed}"]
  evaluate:
    matrix: {dataset: "${axes.dataset}", system: "${axes.system}", seed: "${axes.seed}"}
    cmd: >-
      mkdir -p metrics/${item.dataset}/${item.system} &&
      echo '{"FD": {"value": 1}}' > metrics/${item.dataset}/${item.system}/seed-${item.seed}.json
    deps: ["runs/${item.dataset}/${item.system}/seed-${item.seed}"]
    metrics: ["metrics/${item.dataset}/${item.system}/seed-${item.seed}.json": {cache: false}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time flows and sweeps of stages that do nothing.")
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 100, 1000], help="sizes of the table, 1 or tens")
    parser.add_argument("--trials", type=int, default=50, help="of the sweep in a table of one cell")
    parser.add_argument("--trials-each", type=int, default=10, help="of the sweep in each table")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smis-orchestration-") as folder:
        bench = Bench(Path(folder))
        table = bench.table(1)
        found = {
            "machine": machine(),
            "make_repro_unchanged_s": make_repro(),
            "flow_first_start_s": bench.flow(table),
            "flow_start_s": bench.flow(table),
            "rows": [bench.measure(cells, trials=asked.trials_each) for cells in asked.cells],
            "sweep": bench.sweep(table, trials=asked.trials),
        }
    print(json.dumps(found, indent=2))


class Bench:
    """Workspaces in a folder that goes away, with a home for Prefect that nobody else uses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def measure(self, cells: int, *, trials: int) -> dict[str, Any]:
        """Time a table of one size: when nothing changes, and when some cells do."""
        table = self.table(cells)
        changed = STAGES * min(SYSTEMS, cells)
        found: dict[str, Any] = {"cells": cells, "stages": STAGES * cells, "changed_stages": changed}
        found["repro_unchanged_s"] = self.repro(table)
        found["flow_unchanged_s"] = self.flow(table)
        write(table, cells=cells, rate=1)
        found["repro_changed_s"] = self.repro(table)
        write(table, cells=cells, rate=2)
        found["flow_changed_s"] = self.flow(table)
        plain, flown = (found[f"{way}_changed_s"] - found[f"{way}_unchanged_s"] for way in ("repro", "flow"))
        found["repro_for_each_stage_s"] = round(plain / changed, 2)
        found["flow_more_for_each_stage_s"] = round((flown - plain) / changed, 2)
        return found | {"sweep": self.sweep(table, trials=trials)}

    def table(self, cells: int) -> Path:
        """Make a table that is up to date: one cell is run, the others are its likes."""
        folder = self._folder / f"{cells}-cells"
        folder.mkdir()
        (folder / "dvc.yaml").write_text(DVC)
        self._run(folder, "-m", "dvc", "init", "--no-scm", "--quiet")
        write(folder, cells=1)
        self.repro(folder)
        lock = folder / "dvc.lock"
        head, stages, body = lock.read_text().partition("stages:\n")
        datasets, systems = names(cells)
        every = [(dataset, system) for dataset in datasets for system in systems]
        likes = (body.replace(DATASET, dataset).replace(SYSTEM, system) for dataset, system in every)
        lock.write_text(head + stages + "".join(likes))
        for dataset, system in every[1:]:
            for made in (f"runs/{DATASET}/{SYSTEM}/seed-0", f"metrics/{DATASET}/{SYSTEM}/seed-0.json"):
                like = folder / made.replace(DATASET, dataset).replace(SYSTEM, system)
                like.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / made, like)
        write(folder, cells=cells)
        self._run(folder, "-m", "dvc", "status", "--quiet")  # fails if anything would run
        return folder

    def sweep(self, table: Path, *, trials: int) -> dict[str, Any]:
        """Time a grid of trials of one system."""
        space = {"train.rate": list(range(1, trials + 1))}
        asked = {"objectives": {"FD": "minimize"}, "sampler": "grid", "space": space}
        asked |= {"systems": [SYSTEM], "datasets": [DATASET]}
        (table / "many.yaml").write_text(yaml.safe_dump(asked))
        seconds = self._run(table, "-m", "flows.sweep", "--space", "many.yaml")
        return {"trials": trials, "seconds": seconds, "trials_per_minute": round(60 * trials / seconds, 1)}

    def repro(self, folder: Path) -> float:
        """Time DVC alone."""
        return self._run(folder, "-m", "dvc", "repro", "--quiet")

    def flow(self, folder: Path) -> float:
        """Time the flow."""
        return self._run(folder, "-m", "flows.experiment", "--max-concurrent", "1")

    def _run(self, folder: Path, *words: str) -> float:
        own = {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "PREFECT_HOME": str(self._folder / "prefect")}
        return timed([sys.executable, *words], folder, own | {"PREFECT_LOGGING_LEVEL": "WARNING"})


def names(cells: int) -> tuple[list[str], list[str]]:
    """Name the data sets and the systems."""
    systems = min(SYSTEMS, cells)
    return [f"doll{number:03}" for number in range(cells // systems)], [f"system{number}" for number in range(systems)]


def write(folder: Path, *, cells: int, rate: int = 0) -> None:
    """Write params.yaml; another rate makes the cells of the first data set stale."""
    datasets, systems = names(cells)
    params = {
        "axes": {"dataset": datasets, "system": systems, "seed": [0]},
        "datasets": {name: {"rate": rate if name == DATASET else 0} for name in datasets},
        "train": {"rate": 0},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def make_repro() -> float | None:
    """Time `make repro` in this clone, if it has nothing to do; the first time tells MLflow what it may not know."""
    if subprocess.run([sys.executable, "-m", "dvc", "status", "--quiet"], cwd=ROOT, check=False).returncode:
        return None
    return [timed(["make", "repro"], ROOT, {}) for _ in range(2)][-1]


def timed(command: list[str], folder: Path, env: dict[str, str]) -> float:
    """Run a command; return seconds."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} in {folder}:\n{done.stdout}{done.stderr}")
    return round(time.perf_counter() - began, 2)


if __name__ == "__main__":
    main()
