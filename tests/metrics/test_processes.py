"""Several processes measure what one measures, under real torchrun and gloo."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_two_processes_give_the_values_and_intervals_of_one(tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])}
    environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    done = subprocess.run(
        [*torchrun, str(HERE / "shared_work.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    one = alone()
    for rank in (0, 1):
        both = json.loads((tmp_path / f"{rank}.json").read_text())
        assert both.keys() == one.keys()
        for name, values in one.items():
            assert both[name] == pytest.approx(values, rel=1e-6, abs=1e-9), name


def alone() -> dict[str, list[float]]:
    spec = importlib.util.spec_from_file_location("shared_work", HERE / "shared_work.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.measured(range(module.MAPS))
