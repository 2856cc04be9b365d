import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from smis.core.errors import CheckpointError, DiskError
from smis.engine.states import States

CONFIGURATION = {"seed": 0, "train": {"batch": 16, "betas": (0.0, 0.9)}}


def _state(step: int) -> dict[str, object]:
    return {"step": step, "weights": {"a": torch.full((5000,), float(step))}}


@contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_newest_state_comes_back_and_the_last_two_are_kept(tmp_path: Path) -> None:
    states = States(tmp_path, CONFIGURATION)
    assert states.newest() is None
    for step in (5, 10, 15):
        states.save(step, _state(step))
    newest = States(tmp_path, CONFIGURATION).newest()
    assert newest is not None
    assert newest["step"] == 15
    assert newest["weights"]["a"][0] == 15
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-00000010.pt", "step-00000015.pt"]


def test_a_state_of_another_configuration_is_refused_and_the_field_is_named(tmp_path: Path) -> None:
    States(tmp_path, CONFIGURATION).save(5, _state(5))
    other = {"seed": 0, "train": {"batch": 8, "betas": (0.0, 0.9)}}
    with pytest.raises(CheckpointError, match=r"another configuration: train\.batch is 16 there and 8 here; delete"):
        States(tmp_path, other).newest()


def test_a_state_of_another_format_is_refused(tmp_path: Path) -> None:
    torch.save({"weights": 1}, tmp_path / "step-00000005.pt")
    with pytest.raises(CheckpointError, match="not a state of format 1"):
        States(tmp_path, CONFIGURATION).newest()


def test_a_broken_state_gives_way_to_the_one_before_it_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states = States(tmp_path, CONFIGURATION)
    states.save(5, _state(5))
    (tmp_path / "step-00000010.pt").write_bytes((tmp_path / "step-00000005.pt").read_bytes()[:900])
    newest = states.newest()
    assert newest is not None
    assert newest["step"] == 5
    assert "step-00000010.pt cannot be read" in capsys.readouterr().err


def test_a_state_that_holds_code_is_not_run(tmp_path: Path) -> None:
    torch.save({"format": 1, "state": Path("evil")}, tmp_path / "step-00000005.pt")
    assert States(tmp_path, CONFIGURATION).newest() is None


def test_a_full_disk_is_one_line_and_leaves_the_last_good_state(tmp_path: Path) -> None:
    states = States(tmp_path, CONFIGURATION)
    states.save(5, _state(5))
    with _no_file_larger_than(4096), pytest.raises(DiskError, match=r"cannot write .*step-00000010\.pt: .*free space"):
        states.save(10, _state(10))
    newest = states.newest()
    assert newest is not None
    assert newest["step"] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005.pt"]


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".step-00000004.pt.123.part").write_bytes(b"half")
    States(tmp_path, CONFIGURATION).save(5, _state(5))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005.pt"]
