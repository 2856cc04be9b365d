import resource
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from smis.core.errors import CheckpointError, DiskError, TrainingError
from smis.training.checkpoints import CheckpointManager, ScoredStep, StateSnapshot

CONFIGURATION = {"seed": 0, "train": {"batch": 16, "betas": (0.0, 0.9)}}


def _state(step: int) -> dict[str, object]:
    return {"step": step, "weights": {"a": torch.full((5000,), float(step))}}


def _saved(folder: Path, step: int, *, score: float | None = None) -> CheckpointManager:
    with CheckpointManager(folder, CONFIGURATION) as checkpoints:
        checkpoints.save(step, _state(step), score=score)
    return checkpoints


def _save_and_fail(checkpoints: CheckpointManager) -> None:
    with checkpoints:
        checkpoints.save(5, _state(5))
        raise TrainingError("L1 is nan")


@contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_newest_state_comes_back_and_the_last_two_are_kept(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path, CONFIGURATION)
    assert checkpoints.load_newest() is None
    with checkpoints:
        for step in (5, 10, 15):
            checkpoints.save(step, _state(step))
    newest = CheckpointManager(tmp_path, CONFIGURATION).load_newest()
    assert newest is not None
    assert newest["step"] == 15
    assert newest["weights"]["a"][0] == 15
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-00000010.pt", "step-00000015.pt"]


def test_a_state_of_another_configuration_is_refused_and_the_field_is_named(tmp_path: Path) -> None:
    _saved(tmp_path, 5)
    other = {"seed": 0, "train": {"batch": 8, "betas": (0.0, 0.9)}}
    with pytest.raises(CheckpointError, match=r"another configuration: train\.batch is 16 there and 8 here; delete"):
        CheckpointManager(tmp_path, other).load_newest()


def test_a_state_of_another_format_is_refused(tmp_path: Path) -> None:
    torch.save({"weights": 1}, tmp_path / "step-00000005.pt")
    with pytest.raises(CheckpointError, match="not a checkpoint of format 2"):
        CheckpointManager(tmp_path, CONFIGURATION).load_newest()


def test_a_broken_state_gives_way_to_the_one_before_it_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = _saved(tmp_path, 5)
    (tmp_path / "step-00000010.pt").write_bytes((tmp_path / "step-00000005.pt").read_bytes()[:900])
    newest = checkpoints.load_newest()
    assert newest is not None
    assert newest["step"] == 5
    assert "step-00000010.pt is broken or no file of torch.save; it is skipped" in capsys.readouterr().err


def test_a_state_that_holds_code_is_not_run(tmp_path: Path) -> None:
    torch.save({"format": 2, "state": Path("evil")}, tmp_path / "step-00000005.pt")
    assert CheckpointManager(tmp_path, CONFIGURATION).load_newest() is None


def test_a_full_disk_is_one_line_that_names_the_last_good_state_at_the_next_save_or_at_the_end(tmp_path: Path) -> None:
    checkpoints = _saved(tmp_path, 5)
    message = r"cannot write .*step-00000010\.pt: .*free space.*\(a repeat resumes from step-00000005\.pt\)"
    with _no_file_larger_than(4096):
        checkpoints.save(10, _state(10))
        with pytest.raises(DiskError, match=message):
            checkpoints.save(15, _state(15))
    with _no_file_larger_than(4096), pytest.raises(DiskError, match=message), checkpoints:
        checkpoints.save(10, _state(10))
    newest = checkpoints.load_newest()
    assert newest is not None
    assert newest["step"] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005.pt"]


def test_a_full_disk_does_not_hide_what_ended_the_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _no_file_larger_than(4096), pytest.raises(TrainingError, match="L1 is nan"):
        _save_and_fail(CheckpointManager(tmp_path, CONFIGURATION))
    assert "error: cannot write" in capsys.readouterr().err


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".step-00000004.pt.123.part").write_bytes(b"half")
    _saved(tmp_path, 5)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005.pt"]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that takes nothing until the gate is open."""
    gate, write = threading.Event(), torch.save

    def slow(*words: Any) -> None:
        gate.wait(10)
        write(*words)

    monkeypatch.setattr(torch, "save", slow)
    yield gate
    gate.set()


def test_a_step_goes_on_while_a_state_is_written_and_cannot_change_it(tmp_path: Path, gate: threading.Event) -> None:
    weights = torch.zeros(3)
    with CheckpointManager(tmp_path, CONFIGURATION) as checkpoints:
        checkpoints.save(5, {"step": 5, "weights": weights})
        weights += 1
        assert not list(tmp_path.glob("step-*.pt"))
        gate.set()
    newest = checkpoints.load_newest()
    assert newest is not None
    assert newest["weights"].equal(torch.zeros(3))


def test_memory_holds_one_copy_so_a_second_save_waits_for_the_first(tmp_path: Path, gate: threading.Event) -> None:
    with CheckpointManager(tmp_path, CONFIGURATION) as checkpoints:
        checkpoints.save(5, _state(5))
        threading.Timer(0.2, gate.set).start()
        checkpoints.save(10, _state(10))
        assert gate.is_set()
        assert (tmp_path / "step-00000005.pt").exists()


def test_a_state_is_waited_for_when_training_fails(tmp_path: Path, gate: threading.Event) -> None:
    threading.Timer(0.2, gate.set).start()
    with pytest.raises(TrainingError, match="L1 is nan"):
        _save_and_fail(CheckpointManager(tmp_path, CONFIGURATION))
    assert (tmp_path / "step-00000005.pt").exists()


def test_the_state_with_the_lowest_score_is_kept_beside_the_newest_and_survives_a_resume(tmp_path: Path) -> None:
    assert CheckpointManager(tmp_path, CONFIGURATION).load_best() is None
    _saved(tmp_path, 1, score=3.0)
    _saved(tmp_path, 2, score=1.0)
    for step, score in ((3, 1.0), (4, float("nan")), (5, None), (6, 2.0)):
        checkpoints = _saved(tmp_path, step, score=score)
    best = checkpoints.load_best()  # pyright: ignore[reportPossiblyUnboundVariable]
    assert best is not None
    assert best["step"] == 2
    assert CheckpointManager(tmp_path, CONFIGURATION).best_step == ScoredStep(2, 1.0)
    assert [path.name for path in sorted(tmp_path.glob("*.pt"))] == [f"step-0000000{step}.pt" for step in (2, 5, 6)]
    _saved(tmp_path, 7, score=0.5)
    assert [path.name for path in sorted(tmp_path.glob("*.pt"))] == [f"step-0000000{step}.pt" for step in (6, 7)]


def test_a_kill_between_a_best_state_and_the_note_of_it_loses_nothing(tmp_path: Path) -> None:
    _saved(tmp_path, 1, score=3.0)
    (tmp_path / "best.json").unlink()
    checkpoints = CheckpointManager(tmp_path, CONFIGURATION)
    assert checkpoints.load_newest() is not None
    assert checkpoints.best_step == ScoredStep(1, 3.0)


def test_a_snapshot_keeps_every_bit_and_order_and_shares_no_memory() -> None:
    parts = {"a": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last), "b": (1, "x", [None, 2.5])}
    taken = StateSnapshot(parts).state()
    before = parts["a"].clone()
    parts["a"].zero_()
    assert taken["a"].equal(before)
    assert taken["a"].is_contiguous(memory_format=torch.channels_last)
    assert taken["b"] == (1, "x", [None, 2.5])


def test_a_view_of_a_large_tensor_is_copied_alone() -> None:
    taken = StateSnapshot({"a": torch.zeros(1000)[:3]}).state()
    assert taken["a"].untyped_storage().nbytes() == 12


def test_what_a_state_dict_says_of_its_versions_stays_with_it() -> None:
    network = nn.utils.spectral_norm(nn.Linear(2, 2))
    kept = StateSnapshot({"network": network.state_dict()}).state()["network"]
    assert isinstance(kept, OrderedDict)
    assert kept._metadata == network.state_dict()._metadata  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_snapshot_of_a_gpu_is_in_pinned_memory_and_not_changed_by_what_comes_after() -> None:
    weights = torch.zeros(1 << 24, device="cuda")
    snapshot = StateSnapshot({"weights": weights})
    weights += 1
    kept = snapshot.state()["weights"]
    assert kept.is_pinned()
    assert not kept.any()
