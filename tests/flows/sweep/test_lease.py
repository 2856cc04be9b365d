"""Two people in one study: two folders, whose sweeps have one database."""

from pathlib import Path

import optuna
import pytest

from flows.errors import SweepError
from flows.sweep import lease, storage
from flows.sweep.config import Sweep
from flows.sweep.lease import Lease
from flows.sweep.space import Space
from flows.sweep.study import Study
from tests.flows.workspaces import wait_for


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(lease, "BEAT_S", 0.05)
    made = f"sqlite:///{tmp_path / 'studies.db'}"
    monkeypatch.setenv(storage.VARIABLE, made)
    return made


def opened(address: str) -> Lease:
    optuna.create_study(storage=address, study_name="rates", load_if_exists=True)
    return Lease("rates")


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)


def test_a_sweep_that_goes_on_in_another_folder_is_named_and_left_alone(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(tmp_path / "hers", monkeypatch)
    with opened(address).held():
        enter(tmp_path / "his", monkeypatch)
        with pytest.raises(SweepError, match=r"sweep rates is going on already, in \S+/hers on \S+; wait for it"):
            opened(address).check()
    opened(address).check()


def test_a_sweep_that_was_killed_elsewhere_is_gone_on_with(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hers = {"who": "hers on another machine", "id": "7", "beat": 7}
    opened(address)._study.set_user_attr("lease", hers)
    enter(tmp_path / "his", monkeypatch)
    opened(address).check()
    assert "was begun in hers on another machine; looking whether it goes on" in capsys.readouterr().out
    with opened(address).held():
        opened(address).check()


def test_who_slept_while_another_took_the_study_over_ends_and_the_other_goes_on(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(tmp_path / "hers", monkeypatch)
    hers = opened(address)
    enter(tmp_path / "his", monkeypatch)
    his = opened(address)
    with hers.held(), his.held():
        wait_for(lambda: hers._taken_by, timeout_s=20)
        with pytest.raises(SweepError, match=r"going on already, in \S+/his on \S+, which began it while nothing"):
            hers.check_ours()
        his.check_ours()


def test_a_study_of_a_shared_database_belongs_to_one_sweep_at_a_time(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"name": "rates", "objectives": {"FD": "minimize"}, "space": [{"path": "train.rate", "choices": [1, 2]}]}
    sweep = Sweep.model_validate(values)
    space = Space(["one"], ["doll"], sweep.space)
    enter(tmp_path / "hers", monkeypatch)
    with Study(sweep, space).held():
        enter(tmp_path / "his", monkeypatch)
        with pytest.raises(SweepError, match="sweep rates is going on already"):
            Study(sweep, space)
    Study(sweep, space)
