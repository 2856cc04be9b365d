"""`python -m benchmarks.orchestration`: what a flow, and a sweep, cost beside the stages themselves, as JSON.

Workspaces of cells whose stages do next to nothing: plain `dvc repro` against `python -m flows.experiment`, when all
must run and when nothing has changed, and trials a minute of a sweep. Goals: at most 1 s more for each stage. It needs
no server: Prefect starts one for itself, whose seconds are told apart (`flow_start_s`: a flow of one cell).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.clock import machine

STAGES = 2
DVC = """\
stages:
  train:
    matrix: {dataset: "${axes.dataset}", system: "${axes.system}"}
    cmd: mkdir -p runs && echo ${item.system} > runs/${item.system}
    params: [seed, train]
    outs: ["runs/${item.system}"]
  evaluate:
    matrix: {dataset: "${axes.dataset}", system: "${axes.system}"}
    cmd: >-
      mkdir -p metrics/${item.dataset} && echo '{"FD": {"value": 1}}' > metrics/${item.dataset}/${item.system}.json
    deps: ["runs/${item.system}"]
    metrics: ["metrics/${item.dataset}/${item.system}.json": {cache: false}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time flows and sweeps of stages that do nothing.")
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--trials", type=int, default=50)
    asked = parser.parse_args()
    start = flow(laid_out(1))
    rows = [measure(cells, start) for cells in asked.cells]
    print(
        json.dumps({"machine": machine(), "flow_start_s": start, "rows": rows, "sweep": swept(asked.trials)}, indent=2)
    )


def measure(cells: int, start: float) -> dict[str, Any]:
    """Time one size, all stages anew and none."""
    plain, flown = laid_out(cells), laid_out(cells)
    ways = {
        "repro_s": repro(plain),
        "repro_unchanged_s": repro(plain),
        "flow_s": flow(flown),
        "flow_unchanged_s": flow(flown),
    }
    more = (ways["flow_s"] - start - ways["repro_s"]) / (STAGES * cells)
    return {"cells": cells, "stages": STAGES * cells, **ways, "flow_more_for_each_stage_s": round(more, 3)}


def swept(trials: int) -> dict[str, Any]:
    """Time a grid of trials."""
    folder = laid_out(1)
    space = {"objectives": {"FD": "minimize"}, "strategy": "grid", "space": {"train.rate": list(range(trials))}}
    (folder / "many.yaml").write_text(yaml.safe_dump(space))
    seconds = timed(folder, "-m", "flows.sweep", "--space", "many.yaml")
    return {"trials": trials, "seconds": seconds, "trials_per_minute": round(60 * trials / seconds, 1)}


def laid_out(cells: int) -> Path:
    """Make a workspace."""
    folder = Path(tempfile.mkdtemp(prefix="smis-orchestration-"))
    axes = {"dataset": ["doll"], "system": [f"s{number:04}" for number in range(cells)]}
    (folder / "params.yaml").write_text(yaml.safe_dump({"axes": axes, "seed": 0, "train": {"rate": 0}}))
    (folder / "dvc.yaml").write_text(DVC)
    timed(folder, "-m", "dvc", "init", "--no-scm", "--quiet")
    return folder


def repro(folder: Path) -> float:
    return timed(folder, "-m", "dvc", "repro", "--quiet")


def flow(folder: Path) -> float:
    return timed(folder, "-m", "flows.experiment")


def timed(folder: Path, *words: str) -> float:
    """Run Python with these words there; return seconds."""
    own = {"PYTHONPATH": str(Path(__file__).parents[1]), "DVC_NO_ANALYTICS": "1", "PREFECT_LOGGING_LEVEL": "WARNING"}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env={**os.environ, **own}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return round(time.perf_counter() - began, 2)


if __name__ == "__main__":
    main()
