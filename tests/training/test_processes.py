"""Many processes learn what one learns, from the same global batch, under real torchrun and gloo."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from smis.training.distributed import DistributedContext, distributed_context
from smis.training.export import load_weights

HERE = Path(__file__).parent
STEPS = 8


@pytest.fixture(scope="module")
def alone(toy: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    return toy.learned(tmp_path_factory.mktemp("alone"), toy.config_of(STEPS)).ema.tensors


def test_many_processes_learn_what_one_learns(alone: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """Four processes learn real systems in tests/pipelines/test_laws.py."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])}
    environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    done = subprocess.run(
        [*torchrun, str(HERE / "toy.py"), str(tmp_path), str(STEPS)],
        env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    together, _ = load_weights(tmp_path / "final.safetensors")
    for name, tensor in alone.items():
        torch.testing.assert_close(
            together[name], tensor, rtol=1e-5, atol=1e-6, msg=lambda text, name=name: name + text
        )
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == STEPS


def test_a_process_alone_joins_nothing() -> None:
    with distributed_context("cpu") as distributed:
        assert distributed == DistributedContext()
        assert distributed.is_main
        assert distributed.all_reduce_mean_(torch.tensor([3.0])).item() == 3.0
        assert distributed.all_gather_object("x") == ["x"]
        assert not torch.distributed.is_initialized()
