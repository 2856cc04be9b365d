"""Workers that are lost are started again; what a person must fix, and bugs, are not; training: test_workers.py."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from smis.core.errors import DiskError, ParamsError, TrainingError
from smis.training.launch import launch_torchrun, parse_restarts, report_errors

HERE = Path(__file__).parent
KILLED, ASKED, LONELY, BUG = -signal.SIGKILL, 128 + signal.SIGTERM, os.EX_TEMPFAIL, 1


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what torchrun and we leave in a process that starts workers."""
    for name in ("SMIS_LAUNCHER", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "TORCHELASTIC_SIGNALS_TO_HANDLE"):
        monkeypatch.setenv(name, "1")
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    logger = logging.getLogger("torch.distributed")
    monkeypatch.setattr(logger, "handlers", logger.handlers)
    monkeypatch.setattr(logger, "propagate", logger.propagate)
    heard = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]
    before = [signal.getsignal(each) for each in heard]
    yield
    for each, handler in zip(heard, before, strict=True):
        signal.signal(each, handler)


def _launch(folder: Path, *ends: int) -> None:
    launch_torchrun("failing", str(folder), *map(str, ends), processes=1)


def _starts(folder: Path) -> int:
    return len(list(folder.iterdir()))


def test_workers_that_were_killed_or_lost_each_other_are_started_again_and_a_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _launch(tmp_path, KILLED, LONELY, 0)
    assert _starts(tmp_path) == 3
    one, two = capsys.readouterr().err.splitlines()
    assert one == (
        "a training process was ended by SIGKILL (out of memory, perhaps); resuming from the last checkpoint "
        "(1 of 3 restarts)"
    )
    assert two.startswith("training processes lost their connection (exit code 75); resuming")


def test_when_no_restart_is_left_a_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_RESTARTS", "1")
    with pytest.raises(TrainingError, match=r"ended by SIGKILL \(out of memory, perhaps\); repeat the command to"):
        _launch(tmp_path, KILLED, KILLED)
    assert _starts(tmp_path) == 2


@pytest.mark.parametrize(("end", "code"), [(BUG, 1), (ASKED, ASKED), (-signal.SIGTERM, ASKED)])
def test_a_bug_and_a_worker_that_was_asked_to_end_are_not_started_again(tmp_path: Path, end: int, code: int) -> None:
    with pytest.raises(SystemExit) as left:
        _launch(tmp_path, end)
    assert left.value.code == code
    assert _starts(tmp_path) == 1


def test_what_a_person_can_fix_ends_a_worker_with_2_and_a_lost_neighbor_with_75() -> None:
    with pytest.raises(SystemExit, match="2"), report_errors():
        raise DiskError("cannot write a.pt")
    with pytest.raises(SystemExit, match="75"), report_errors():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:538] Connection closed by peer [127.0.0.1]:1234")
    with pytest.raises(RuntimeError, match="mat1 and mat2"), report_errors():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_a_number_of_restarts_that_is_none_is_refused() -> None:
    assert parse_restarts("0") == 0
    with pytest.raises(ParamsError, match=r"\$SMIS_RESTARTS is '-1', but must be a whole number"):
        parse_restarts("-1")
