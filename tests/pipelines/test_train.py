"""The stage as it is run: a parent, torchrun, workers; killed, asked to end, repeated, failing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch

from pipelines.cell import Cell
from pipelines.params import read
from pipelines.train.run import Params, TrainingRun
from smis.core.errors import ParamsError
from smis.models.system_registry import SYSTEMS
from smis.training.distributed import DistributedContext
from smis.training.export import load_system, load_weights
from smis.training.launch import parse_processes
from tests.cells import CLASSES, lay_out

ROOT = Path(__file__).parents[2]
OUT = Path("runs/paperdoll/groupdnet/seed-0")
STEPS = 40


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a worker sees the world, within this process."""
    monkeypatch.setenv("SMIS_TRACKING", "off")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def _train_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    params = read(Params, system="groupdnet")
    TrainingRun(Cell("paperdoll", "groupdnet", 0), params, DistributedContext()).train()


def _started(folder: Path, *, processes: int = 1) -> subprocess.Popen[str]:
    own = {"PYTHONPATH": str(ROOT), "SMIS_TRACKING": "off", "SMIS_PROCESSES": str(processes), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "pipelines.train", "paperdoll", "groupdnet", "0"]
    return subprocess.Popen(words, cwd=folder, env={**os.environ, **own}, stderr=subprocess.PIPE, text=True)


def _newest(folder: Path) -> int:
    return max((int(path.stem.removeprefix("step-")) for path in folder.glob(".scratch/*/states/*.pt")), default=0)


def _wait(folder: Path, step: int, process: subprocess.Popen[str]) -> None:
    """Wait until a step is in the record: every second one is."""
    while sum(path.read_bytes().count(b"\n") for path in folder.glob(".scratch/*/history.jsonl")) < step // 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def _alive(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _gone(folder: Path, *, within_s: float) -> bool:
    end = time.monotonic() + within_s
    while _alive(folder) and time.monotonic() < end:
        time.sleep(0.1)
    return not _alive(folder)


@pytest.mark.usefixtures("_alone")
def test_a_stage_that_is_asked_to_end_and_killed_goes_on_and_ends_like_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("killed", "whole"):
        lay_out(tmp_path / kind, steps=STEPS, save_every=STEPS)
    killed = tmp_path / "killed"

    first = _started(killed)
    _wait(killed, 6, first)
    first.terminate()
    assert first.communicate()[1].count("Traceback") == 0
    assert first.returncode == 128 + signal.SIGTERM
    assert _gone(killed, within_s=10), "SIGTERM to the stage left a worker"
    assert 6 <= _newest(killed) < STEPS, "the step at which it was asked to end is saved"

    second = _started(killed)
    _wait(killed, _newest(killed) + 4, second)
    second.kill()
    second.communicate()
    assert _gone(killed, within_s=10), "kill -9 of the stage left a worker"

    for kind in ("killed", "whole"):
        _train_here(tmp_path / kind, monkeypatch)
    assert capsys.readouterr().err.count(f"training groupdnet on paperdoll, seed 0: {STEPS}/{STEPS} steps in ") == 2
    finals = [tmp_path / kind / OUT / "checkpoint.safetensors" for kind in ("killed", "whole")]
    assert finals[0].read_bytes() == finals[1].read_bytes()
    grids = [tmp_path / kind / OUT / "grids" / f"step-{STEPS:06d}.png" for kind in ("killed", "whole")]
    assert grids[0].read_bytes() == grids[1].read_bytes()
    steps = [json.loads(line)["step"] for line in (killed / OUT / "history.jsonl").read_text().splitlines()]
    assert steps == list(range(2, STEPS + 1, 2))
    assert [path.name for path in killed.glob(".scratch/*")] == ["finished"], "what it resumes from is gone"


def test_what_a_person_can_fix_is_one_line_from_many_processes_and_exit_code_2(tmp_path: Path) -> None:
    lay_out(tmp_path)
    shard = tmp_path / "data" / "paperdoll" / "train-00000.arrow"
    shard.write_bytes(shard.read_bytes()[:2000])
    process = _started(tmp_path, processes=2)
    _, told = process.communicate()
    assert process.returncode == 2, told
    assert len(told.splitlines()) == 1, told
    assert told.startswith("error: data/paperdoll/train-00000.arrow is ")
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("_alone")
def test_a_finished_training_is_a_checkpoint_a_record_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path, steps=4, grid_every=3)
    _train_here(tmp_path, monkeypatch)
    _, metadata = load_weights(OUT / "checkpoint.safetensors")
    assert metadata["step"] == "4"
    assert metadata["dataset"] == "paperdoll"
    assert json.loads(metadata["classes"]) == list(CLASSES)
    load_system(OUT / "checkpoint.safetensors", SYSTEMS)
    assert [path.name for path in sorted((OUT / "grids").iterdir())] == ["step-000003.png", "step-000004.png"]
    assert len((OUT / "history.jsonl").read_text().splitlines()) == 2


def test_each_configuration_has_a_scratch_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    params = read(Params, system="groupdnet")
    system = params.system.model_copy(update={"width": 3})
    changed = [
        params,
        params.model_copy(update={"seed": 1}),
        params.model_copy(update={"system": system}),
        params.model_copy(update={"train": params.train.model_copy(update={"steps": 11})}),
    ]
    folders = {TrainingRun(Cell("paperdoll", "groupdnet", 0), each, DistributedContext()).scratch for each in changed}
    assert len(folders) == len(changed)


def test_a_number_of_processes_that_does_not_divide_the_batch_is_refused() -> None:
    assert parse_processes("4", batch=16) == 4
    with pytest.raises(
        ParamsError, match=r"\$SMIS_PROCESSES is '3', but must divide train.batch \(16\); choose one of 1"
    ):
        parse_processes("3", batch=16)
    with pytest.raises(ParamsError, match="is 'two', but must divide"):
        parse_processes("two", batch=16)
