"""Small DVC workspaces whose trials take no time, unless params.yaml says so."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.flows.workspaces import Workspace

SWEEP = "flows.sweep"
RATE = "train.rate"

DVC = """\
stages:
  prepare:
    matrix: {dataset: "${axes.dataset}"}
    cmd: exec python tool.py prepare ${item.dataset} 0 data/${item.dataset}
    params: ["datasets.${item.dataset}"]
    deps: [tool.py]
    outs: ["data/${item.dataset}"]
  train:
    matrix: {dataset: "${axes.dataset}", system: "${axes.system}", seed: "${axes.seed}"}
    cmd: >-
      exec python tool.py train ${item.system} ${item.seed}
      runs/${item.dataset}/${item.system}/seed-${item.seed}/model
    params: [train, "systems.${item.system}"]
    deps: ["data/${item.dataset}", tool.py]
    outs: ["runs/${item.dataset}/${item.system}/seed-${item.seed}/model"]
  evaluate:
    matrix: {dataset: "${axes.dataset}", system: "${axes.system}", seed: "${axes.seed}"}
    cmd: >-
      exec python tool.py evaluate ${item.system} ${item.seed}
      metrics/${item.dataset}/${item.system}/seed-${item.seed}.json
    params: [train, "systems.${item.system}"]
    deps: ["runs/${item.dataset}/${item.system}/seed-${item.seed}/model"]
    metrics:
      - metrics/${item.dataset}/${item.system}/seed-${item.seed}.json: {cache: false}
"""

PARAMS = """\
# Every number of a small experiment.
axes: {dataset: [doll], system: [one, two], seed: [0]}
datasets: {doll: {size: 8}}
systems: {one: {width: 1}, two: {width: 2}}
train: {rate: 0.1, how: works, steps: 3}  # how: works, fails, hangs, learns
"""

TOOL = """\
import ctypes, json, os, subprocess, sys, time
from pathlib import Path

import yaml

ctypes.CDLL(None).prctl(1, 15)  # end with the parent, as pipelines/stage.py does

stage, what, seed, out = sys.argv[1:]
params = yaml.safe_load(Path("params.yaml").read_text())
train, seed = params["train"], int(seed)
rate, how = float(train["rate"]), os.environ.get("HOW", train["how"])
log = Path(os.environ["STAGES_LOG"])


def tell(word):
    with log.open("a") as file:
        file.write(json.dumps({"stage": stage, "rate": rate, "seed": seed, "word": word, "at": time.time(),
                               "place": os.getcwd(), "machine": os.environ.get("SMIS_MACHINE")}) + "\\n")


tell("begins")
if stage == "train":
    if how == "fails" and rate > 0.25:
        print("error: rate is too high;\\n  use another", file=sys.stderr)
        raise SystemExit(2)
    if how == "hangs" and rate > 0.25:
        stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        worker = subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True)
        tell(f"hangs {worker.pid}")
        time.sleep(600)
    if how == "learns":
        live = Path(".scratch/train-0/history.jsonl")
        live.parent.mkdir(parents=True, exist_ok=True)
        for step in range(train["steps"]):
            with live.open("a") as file:
                file.write(json.dumps({"step": step, "validation_fd": rate * (10 - step)}) + "\\n")
            time.sleep(0.05 if rate < 0.25 else 3)
    time.sleep(train.get("seconds", 0))
Path(out).parent.mkdir(parents=True, exist_ok=True)
if stage == "evaluate":
    width = params["systems"][what]["width"]
    found = {"FD": rate + seed / 100, "mCSD": width / (1 + rate)}
    Path(out).write_text(json.dumps({name: {"value": value} for name, value in found.items()}))
else:
    Path(out).write_text(f"{what} {rate} {seed}")
tell("ends")
"""


class SweepWorkspace(Workspace):
    """A DVC project without git: one data set, two systems, metrics that a parameter decides."""

    files = {"dvc.yaml": DVC, "params.yaml": PARAMS, "tool.py": TOOL}

    def __init__(self, path: Path, *, home: Path) -> None:
        super().__init__(path, home=home)
        self.log = path.parent / f"{path.name}-stages.jsonl"
        self.env |= {"STAGES_LOG": str(self.log), "SMIS_DEVICES": "cpu:2", "TMPDIR": str(path), "OMP_NUM_THREADS": "1"}

    def write(self, name: str = "small", **options: Any) -> str:
        """Write a sweep's file; return its name."""
        values = {"objectives": {"FD": "minimize"}, "systems": ["one"], "sampler": "grid", "retries": 0} | options
        (self.path / f"{name}.yaml").write_text(json.dumps(values))
        return f"{name}.yaml"

    def change(self, **train: Any) -> None:
        """Say in params.yaml how training goes."""
        values = {"rate": 0.1, "how": "works", "steps": 3} | train
        (self.path / "params.yaml").write_text(PARAMS.rpartition("train:")[0] + f"train: {json.dumps(values)}\n")

    def records(self, word: str = "ends", **which: Any) -> list[Mapping[str, Any]]:
        """Read the records of stages."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        rows = [json.loads(line) for line in lines]
        return [
            row
            for row in rows
            if row["word"].startswith(word) and all(row[name] == value for name, value in which.items())
        ]

    def rows(self, name: str = "small") -> list[dict[str, Any]]:
        """Read a sweep's summary."""
        return json.loads((self.path / ".scratch" / "sweeps" / name / "summary.json").read_text())["trials"]
