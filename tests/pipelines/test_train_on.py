"""A finished training continues when its steps are raised, and begins anew when anything else changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.cell import Cell
from pipelines.params import read
from pipelines.train.run import Params, TrainingRun
from smis.core.history import read_history
from smis.training.distributed import DistributedContext
from smis.training.export import load_weights
from tests.cells import lay_out

OUT = Path("runs/paperdoll/groupdnet/seed-0")
CHECKPOINT = OUT / "checkpoint.safetensors"
FINISHED = Path(".scratch/finished/paperdoll/groupdnet/seed-0")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a worker sees the world, within this process, in a folder of its own."""
    monkeypatch.setenv("SMIS_TRACKING", "off")
    monkeypatch.delenv("SMIS_KEEP", raising=False)
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def _train(capsys: pytest.CaptureFixture[str], steps: int, **train: Any) -> str:
    """Train in the current folder, and return the line that says from where it continues, or nothing."""
    lay_out(Path(), steps=steps, **train)
    TrainingRun(Cell("paperdoll", "groupdnet", 0), read(Params, system="groupdnet"), DistributedContext()).train()
    lines = [line for line in capsys.readouterr().err.splitlines() if "continues the finished training" in line]
    assert len(lines) < 2
    return lines[0] if lines else ""


def test_continued_at_constant_rates_it_is_bit_for_bit_one_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(capsys, 3) == ""
    told = _train(capsys, 6)
    assert told == (
        "groupdnet on paperdoll, seed 0 continues the finished training from step 3 (train.steps 3 -> 6, "
        "train.decay_from null -> null); its last step had 1 times the learning rates, the next has 1"
    )
    continued = CHECKPOINT.read_bytes()
    assert [row["step"] for row in read_history(OUT / "history.jsonl")] == [2, 3, 4, 6]
    assert [path.name for path in FINISHED.glob("*/states/*.pt")] == ["step-00000006.pt"]
    assert not list(Path(".scratch").glob("train-*"))
    for path in FINISHED.iterdir():
        path.rename(path.with_name("another"))
    assert _train(capsys, 6) == ""
    assert CHECKPOINT.read_bytes() == continued


def test_continued_before_the_rates_fell_it_is_bit_for_bit_one_training_whose_rates_fall_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _train(capsys, 2)
    assert "train.decay_from null -> 3)" in _train(capsys, 5, decay_from=3)
    continued = CHECKPOINT.read_bytes()
    for path in FINISHED.iterdir():
        path.rename(path.with_name("another"))
    _train(capsys, 5, decay_from=3)
    assert CHECKPOINT.read_bytes() == continued


def test_continued_after_the_rates_fell_it_says_how_they_rise_again(capsys: pytest.CaptureFixture[str]) -> None:
    _train(capsys, 4, decay_from=2)
    told = _train(capsys, 8, decay_from=6)
    assert told.endswith(
        "from step 4 (train.steps 4 -> 8, train.decay_from 2 -> 6); its last step had 0.5 times the learning rates, "
        "the next has 1"
    )
    assert load_weights(CHECKPOINT)[1]["step"] == "8"


def test_with_anything_else_changed_or_fewer_steps_it_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    _train(capsys, 4)
    assert _train(capsys, 5, lr_generator=0.001) == ""
    assert _train(capsys, 3, lr_generator=0.001) == ""
    assert _train(capsys, 3, lr_generator=0.001) == ""
    assert len(list(FINISHED.iterdir())) == 1, "one state for each cell"
    assert _train(capsys, 4, lr_generator=0.001) != ""


@pytest.mark.parametrize("variable", ["SMIS_KEEP", "SMIS_SWEEP"])
def test_nothing_is_kept_if_asked_or_in_a_sweep(
    variable: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "0")
    _train(capsys, 2)
    assert not list(Path(".scratch").rglob("*.pt"))
    assert _train(capsys, 3) == ""
