"""Any number of processes, on any number of machines, learns the same weights from the same global batch."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
SYSTEMS = ("groupdnet", "inade", "spade")
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(HERE.parents[1]),
    "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
}


def started(folder: Path, *torchrun: str) -> subprocess.Popen[str]:
    launcher = ["-m", "torch.distributed.run", *torchrun] if torchrun else []
    command = [sys.executable, *launcher, str(HERE / "shared_training.py"), str(folder)]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(*agents: subprocess.Popen[str]) -> None:
    for agent in agents:
        told, _ = agent.communicate(timeout=240)
        assert agent.returncode == 0, told


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    ended(started(folder))
    return folder


@pytest.fixture(scope="module", params=["2", "2 x 2"])
def together(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Processes of one machine, or two machines of two, which meet at an address."""
    folder = tmp_path_factory.mktemp("together")
    if request.param != "2 x 2":
        ended(started(folder, "--standalone", f"--nproc-per-node={request.param}"))
        return folder
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    meeting = ["--nnodes=2", "--nproc-per-node=2", "--rdzv-backend=c10d", "--rdzv-id=law"]
    ended(*(started(folder, *meeting, f"--rdzv-endpoint=127.0.0.1:{port}") for _ in range(2)))
    return folder


@pytest.mark.parametrize("system", SYSTEMS)
def test_in_double_precision_every_number_is_the_same_to_1e_10(alone: Path, together: Path, system: str) -> None:
    ours, theirs = (load_file(folder / f"{system}-weights.safetensors") for folder in (together, alone))
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-10, atol=1e-10, msg=lambda text, name=name: name + text)


@pytest.mark.parametrize("system", SYSTEMS)
def test_in_single_precision_gradients_are_the_same_to_1e_5_or_what_round_off_does_to_one_process(
    alone: Path, together: Path, system: str
) -> None:
    """Of weights there is no such law: Adam makes whole steps of gradients that are nothing but round-off."""
    ours, theirs = (load_file(folder / f"{system}-gradients-single.safetensors") for folder in (together, alone))
    exact = load_file(alone / f"{system}-gradients-double.safetensors")
    for side, gradient in exact.items():
        own_round_off = (theirs[side] - gradient).norm() / gradient.norm()
        assert own_round_off < 1e-3
        assert (ours[side] - theirs[side]).norm() / gradient.norm() < max(1e-5, 2 * own_round_off), side
