"""Two workers, of which one is asked to end or killed, end like two that were left alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STEPS, ASKED = 150, 128 + signal.SIGTERM


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What workers.py leaves and, in `told`, prints."""
    folder = tmp_path_factory.mktemp("workers")
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1]), "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    words = [sys.executable, HERE / "workers.py", folder, str(STEPS)]
    done = subprocess.run(words, env={**os.environ, **own}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "told").write_text(done.stdout)
    return folder


def _told(folder: Path) -> list[list[int]]:
    return [[int(word) for word in line.split()] for line in (folder / "told").read_text().splitlines()]


def _ends_like_the_whole(folder: Path, kind: str) -> bool:
    finals = [folder / each / "final.safetensors" for each in (kind, "whole")]
    return finals[0].read_bytes() == finals[1].read_bytes()


def test_all_workers_stop_at_one_step_when_one_is_asked_and_the_repeat_goes_on_from_it(folder: Path) -> None:
    whole, *asked, finished, _ = _told(folder)
    assert whole == finished == [0, 0, STEPS]
    steps = [step for *codes, step in asked if codes == [ASKED, ASKED]]
    assert len(steps) == 4, asked
    assert 0 < steps[0] < steps[1] < steps[2] < steps[3] < STEPS
    lines = (folder / "asked" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, STEPS + 1))
    assert _ends_like_the_whole(folder, "asked")


def test_workers_that_are_killed_are_started_again_by_the_elastic_agent_and_go_on_from_the_newest_state(
    folder: Path,
) -> None:
    assert _told(folder)[-1] == [2], "a kill came too late"
    assert _ends_like_the_whole(folder, "killed")
