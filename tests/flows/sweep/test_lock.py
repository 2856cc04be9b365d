"""Two people in one study: two folders, whose sweeps have one database."""

import re
from pathlib import Path
from unittest.mock import Mock

import optuna
import pytest

from flows.exceptions import SweepError, TakenOverError
from flows.sweep import lock, storage
from flows.sweep.config import Sweep
from flows.sweep.lock import Lease
from flows.sweep.space import Space
from flows.sweep.study import Study
from tests.flows.workspaces import wait_for


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(lock, "BEAT_S", 0.3)
    made = f"sqlite:///{tmp_path / 'studies.db'}"
    monkeypatch.setenv(storage.VARIABLE, made)
    return made


class Person:
    """Somebody with a sweep in a folder of their own."""

    def __init__(self, folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        self.study = optuna.create_study(storage=address, study_name="rates", load_if_exists=True)
        self.lease = Lease(self.study)
        self.heard: list[TakenOverError] = []

    def beat(self) -> None:
        self.lease._beat(self.study, self.heard.append)


@pytest.fixture
def hers(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path / "hers", address, monkeypatch)


@pytest.fixture
def his(hers: Person, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path / "his", address, monkeypatch)


def test_a_sweep_that_goes_on_in_another_folder_is_named_and_left_alone(hers: Person, his: Person) -> None:
    hers.lease.take()
    with (
        hers.lease.held(hers.heard.append),
        pytest.raises(SweepError, match=r"sweep rates is going on already, in \S+/hers on \S+; wait for it"),
    ):
        his.lease.take()
    his.lease.take()
    assert not hers.heard


def test_a_sweep_that_was_killed_elsewhere_is_gone_on_with(his: Person, capsys: pytest.CaptureFixture[str]) -> None:
    his.study.set_user_attr("lease", {"who": "hers on another machine", "id": "7", "beat": 7})
    his.lease.take()
    assert "was begun in hers on another machine; looking whether it goes on" in capsys.readouterr().out
    his.beat()
    assert not his.heard


def test_who_slept_while_another_took_the_study_over_ends_and_the_other_goes_on(hers: Person, his: Person) -> None:
    hers.lease.take()
    his.lease.take()
    hers.beat()
    his.beat()
    assert not his.heard
    assert re.match(r"sweep rates was begun in \S+/his on \S+, while nothing was heard of this", str(hers.heard[0]))


def test_who_slept_through_all_of_anothers_sweep_ends_too(hers: Person, his: Person) -> None:
    hers.lease.take()
    his.lease.take()
    with his.lease.held(his.heard.append):
        pass
    hers.beat()
    assert str(hers.heard[0]).startswith("sweep rates was begun in another place, where it has ended, while nothing")


def test_who_has_lost_the_study_hears_it_by_itself_and_gives_nothing_back(hers: Person, his: Person) -> None:
    hers.lease.take()
    with hers.lease.held(hers.heard.append):
        his.lease._write(his.study)
        wait_for(lambda: hers.heard, timeout_s=30)
    assert his.lease._is_ours(his.study)


def test_a_study_of_a_shared_database_belongs_to_one_sweep_at_a_time(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"name": "rates", "objectives": {"FD": "minimize"}, "space": [{"path": "train.rate", "choices": [1, 2]}]}
    sweep = Sweep.model_validate(values)
    space = Space(["one"], ["doll"], sweep.space)
    monkeypatch.chdir(tmp_path)
    with Study(sweep, space).held(Mock()):
        (tmp_path / "his").mkdir()
        monkeypatch.chdir(tmp_path / "his")
        with pytest.raises(SweepError, match="sweep rates is going on already"):
            Study(sweep, space)
    Study(sweep, space)
