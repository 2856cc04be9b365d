"""Two people in one study: two folders, whose sweeps have one database."""

from pathlib import Path

import optuna
import pytest

from flows.errors import SweepError, TakenOverError
from flows.sweep import lease, storage
from flows.sweep.config import Sweep
from flows.sweep.lease import Lease
from flows.sweep.space import Space
from flows.sweep.study import Study


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(lease, "BEAT_S", 0.3)
    made = f"sqlite:///{tmp_path / 'studies.db'}"
    monkeypatch.setenv(storage.VARIABLE, made)
    return made


def opened(address: str) -> Lease:
    return Lease(optuna.create_study(storage=address, study_name="rates", load_if_exists=True))


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)


def test_a_sweep_that_goes_on_in_another_folder_is_named_and_left_alone(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(tmp_path / "hers", monkeypatch)
    hers = opened(address)
    hers.take()
    with hers.held():
        enter(tmp_path / "his", monkeypatch)
        with pytest.raises(SweepError, match=r"sweep rates is going on already, in \S+/hers on \S+; wait for it"):
            opened(address).take()
    opened(address).take()


def test_a_sweep_that_was_killed_elsewhere_is_gone_on_with(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hers = {"who": "hers on another machine", "id": "7", "beat": 7}
    opened(address)._study.set_user_attr("lease", hers)
    enter(tmp_path / "his", monkeypatch)
    his = opened(address)
    his.take()
    assert "was begun in hers on another machine; looking whether it goes on" in capsys.readouterr().out
    his.check()


def test_who_slept_while_another_took_the_study_over_ends_and_the_other_goes_on(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(tmp_path / "hers", monkeypatch)
    hers = opened(address)
    hers.take()
    enter(tmp_path / "his", monkeypatch)
    his = opened(address)
    his.take()
    for one in (hers, his):
        one._beat(one._study)
    his.check()
    with pytest.raises(TakenOverError, match=r"^sweep rates was begun in \S+/his on \S+, while nothing was heard"):
        hers.check()


def test_who_slept_through_all_of_anothers_sweep_ends_too(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers = opened(address)
    hers.take()
    enter(tmp_path / "his", monkeypatch)
    his = opened(address)
    his.take()
    with his.held():
        pass
    hers._beat(hers._study)
    with pytest.raises(TakenOverError, match=r"^sweep rates was begun elsewhere, where it has ended, while nothing"):
        hers.check()


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
