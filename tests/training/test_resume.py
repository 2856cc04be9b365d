"""A run that stops at any moment and is repeated ends like one that never stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import torch

HERE = Path(__file__).parent
KILLS, STEPS = 20, 200
OF_THE_MACHINE = {"images_per_second", "data_wait_share", "memory_mib"}


def _run(*words: object) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(
        [sys.executable, *map(str, words)], env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_that_is_killed_at_twenty_moments_ends_bit_for_bit_like_one_that_never_was(tmp_path: Path) -> None:
    killed, half = map(int, _run(HERE / "kills.py", tmp_path, STEPS, KILLS).split())
    assert killed == KILLS
    assert half > KILLS // 4, "hardly a kill came while a state was being written"

    finals = [tmp_path / kind / "final.safetensors" for kind in ("killed", "whole")]
    assert finals[0].read_bytes() == finals[1].read_bytes()
    states = [torch.load(tmp_path / kind / "states" / f"step-{STEPS:08d}.pt") for kind in ("killed", "whole")]
    torch.testing.assert_close(states[0]["state"], states[1]["state"], rtol=0, atol=0)
    curves = [_curve(tmp_path / kind / "history.jsonl") for kind in ("killed", "whole")]
    assert curves[0] == curves[1]
    assert [line["step"] for line in curves[0]] == list(range(1, STEPS + 1))
    assert not list((tmp_path / "killed" / "states").glob(".*.part"))


def _curve(path: Path) -> list[dict[str, float]]:
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in OF_THE_MACHINE} for line in lines]


def test_a_run_that_stops_half_way_ends_like_one_that_never_stopped(toy: ModuleType, tmp_path: Path) -> None:
    whole = toy.learned(tmp_path / "whole", toy.config_of(12))
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "states").mkdir()
    toy.learned(tmp_path / "half", toy.config_of(12))
    for path in sorted((tmp_path / "half" / "states").glob("*.pt"))[1:]:
        path.unlink()
    again = toy.learned(tmp_path / "half", toy.config_of(12))
    for name, tensor in whole.ema.tensors.items():
        assert tensor.equal(again.ema.tensors[name]), name
