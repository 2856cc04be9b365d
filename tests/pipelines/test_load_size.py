"""The stages on ADE20K's layout, of which training pictures are loaded larger than they are seen."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from smis.data.shards import Prepared
from smis.training.export import load_weights
from tests.cells import PARAMS
from tests.datasets import releases

ROOT = Path(__file__).parents[2]


def run(folder: Path, stage: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a stage as DVC does."""
    own = {"PYTHONPATH": str(ROOT), "SMIS_TRACKING": "off", "SMIS_WORKERS": "1", "SMIS_DEVICE": "cpu"}
    command = [sys.executable, "-m", f"pipelines.{stage}", "ade20k", *words]
    env = os.environ | own | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)


def lay_out(folder: Path, **section: object) -> None:
    raw = releases.ade20k(folder / "raw")
    datasets = {"ade20k": {"root": str(raw), "size": [24, 24], "validation": 1, **section}}
    axes = {"dataset": ["ade20k"], "system": ["groupdnet"]}
    train = {"steps": 4, "batch": 4, "log_every": 1, "grid_every": 4}
    own = {"axes": axes, "datasets": datasets, "prepare": {}, "reference": {}, "validation": {}, "train": train}
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS | own))


def test_a_system_is_trained_on_what_is_seen_of_larger_pictures(tmp_path: Path) -> None:
    lay_out(tmp_path, load_size=[30, 28])
    for stage, *words in (["prepare"], ["reference"], ["train", "groupdnet"]):
        ran = run(tmp_path, stage, *words)
        assert ran.returncode == 0, ran.stderr
    data = Prepared(tmp_path / "data" / "ade20k")
    assert (data.height, data.width) == (24, 24)
    assert [data.header.size_of(split) for split in data.splits] == [(30, 28), (24, 24), (24, 24)]
    _, metadata = load_weights(tmp_path / "runs/ade20k/groupdnet/checkpoint.safetensors")
    assert (metadata["height"], metadata["width"], metadata["step"]) == ("24", "24", "4")


def test_a_load_size_that_is_smaller_than_what_is_seen_is_one_line(tmp_path: Path) -> None:
    lay_out(tmp_path, load_size=[20, 30])
    ran = run(tmp_path, "prepare")
    assert ran.returncode == 2
    assert ran.stderr == (
        "error: params.yaml: datasets.ade20k: load_size [20, 30] is smaller than size [24, 24], "
        "which is cut from it; load larger\n"
    )
