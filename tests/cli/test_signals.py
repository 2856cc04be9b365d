"""A verb that is told to end says so in one line, and leaves no part of a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from smis.cli import main
from tests import checkpoints

MAIN = "import sys; from smis.cli import main; sys.exit(main())"
ENDS = [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "terminated\n")]


@contextmanager
def started(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    environment = os.environ | {"SMIS_WORKERS": "2"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        yield process


def wait_until(state: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not state():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code", "line"), ENDS)
def test_images_that_are_whole_stay_and_no_part_does(
    tmp_path: Path, number: signal.Signals, code: int, line: str
) -> None:
    checkpoint = checkpoints.write(tmp_path / "groupdnet.safetensors", "groupdnet")
    Image.fromarray(np.zeros(checkpoints.SIZE, np.uint8)).save(tmp_path / "map.png")
    out = tmp_path / "out"
    with started("generate", checkpoint, tmp_path / "map.png", "--out", out, "--samples", "5000") as generating:
        wait_until((out / "map_01.png").exists, generating)
        generating.send_signal(number)
        assert generating.communicate(timeout=200) == ("", line)
    assert generating.returncode == code
    for path in out.iterdir():
        with Image.open(path) as image:
            image.load()


@pytest.mark.parametrize(("number", "code", "line"), ENDS)
def test_the_workers_of_a_verb_say_nothing(number: signal.Signals, code: int, line: str) -> None:
    with started("data", "check", "paperdoll", "--set", "train=1000000", "size=64") as checking:
        wait_until(lambda: len(_descendants(checking.pid)) > 2, checking)
        os.killpg(checking.pid, number)  # as a terminal does
        assert checking.communicate(timeout=200) == ("", line)
    assert checking.returncode == code


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize(("number", "code", "line"), ENDS)
def test_the_workers_of_a_loader_say_nothing(number: signal.Signals, code: int, line: str, processes: int) -> None:
    options = "--preset paperdoll --workers 2 --repeats 10000 --threads 1"
    with started("bench", "loader", *options.split()) as loading:
        wait_until(lambda: len(_descendants(loading.pid)) >= processes, loading)  # resource tracker, server, workers
        send = os.killpg if number == signal.SIGINT else os.kill  # as a terminal does, and as `kill` does
        send(loading.pid, number)
        assert loading.communicate(timeout=200) == ("", line)
    assert loading.returncode == code


@pytest.mark.parametrize(("number", "code", "line"), ENDS)
def test_a_benchmark_leaves_no_process(number: signal.Signals, code: int, line: str) -> None:
    options = "--system vspade --preset paperdoll --device cpu --batch 2 --repeats 1 --threads 1 --processes 2"
    with started("bench", "train", *options.split()) as timing:
        wait_until(lambda: len(_descendants(timing.pid)) >= 3, timing)  # torchrun and its two
        below = _descendants(timing.pid)
        os.killpg(timing.pid, number)  # as a terminal does
        assert timing.communicate(timeout=200) == ("", line)
    assert timing.returncode == code
    while any(_runs(process) for process in below):
        time.sleep(0.02)


def _runs(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_metric_that_is_told_to_end_saves_no_statistics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            os.kill(os.getpid(), signal.SIGTERM)
            return image.flatten(1)

    for number in range(64):
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / f"{number}.png")
    monkeypatch.setattr("smis.metrics.image.inception.load", Ended)
    out = tmp_path / "out" / "real.npz"
    assert main(["metrics", "fid", str(tmp_path), "--save", str(out), "--device", "cpu", "--batch", "2"]) == 143
    assert capsys.readouterr().err == "terminated\n"
    assert not out.parent.exists()


def _descendants(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return children + [below for child in children for below in _descendants(child)]


@pytest.mark.parametrize(("number", "code", "line"), [*ENDS, (signal.SIGHUP, 129, "the terminal was closed\n")])
def test_a_second_signal_does_not_disturb_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int, line: str
) -> None:
    ended = []

    def run(_: object) -> None:
        try:
            os.kill(os.getpid(), number)
            pytest.fail("it goes on")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            ended.append("in order")

    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr("smis.cli.runs.run", run)
    assert main(["runs"]) == code
    assert capsys.readouterr().err == line
    assert ended == ["in order"]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_that_the_caller_ignores_stays_ignored(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smis.cli.runs.run", lambda _: os.kill(os.getpid(), signal.SIGHUP))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["runs"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
