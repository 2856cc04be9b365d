"""Two people in one study: two folders, whose sweeps have one database."""

from pathlib import Path

import optuna
import pytest

from flows.errors import SweepError
from flows.sweep import lease
from flows.sweep.config import Sweep
from flows.sweep.space import Space
from flows.sweep.study import Study


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(lease, "BEAT_S", 0.05)
    return f"sqlite:///{tmp_path / 'studies.db'}"


def opened(address: str) -> optuna.Study:
    return optuna.create_study(storage=address, study_name="rates", load_if_exists=True)


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)


def test_a_sweep_that_goes_on_in_another_folder_is_named_and_left_alone(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(tmp_path / "hers", monkeypatch)
    with lease.held(opened(address)):
        enter(tmp_path / "his", monkeypatch)
        with pytest.raises(SweepError, match=r"sweep rates is going on already, in \S+/hers on \S+; wait for it"):
            lease.check(opened(address))
    lease.check(opened(address))


def test_a_sweep_that_was_killed_elsewhere_is_gone_on_with(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(address).set_user_attr("lease", {"who": "hers on another machine", "beat": 7})
    enter(tmp_path / "his", monkeypatch)
    lease.check(opened(address))
    with lease.held(opened(address)):
        lease.check(opened(address))


def test_a_study_of_a_shared_database_belongs_to_one_sweep_at_a_time(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMIS_STUDIES", address)
    values = {"name": "rates", "objectives": {"FD": "minimize"}, "space": [{"path": "train.rate", "choices": [1, 2]}]}
    sweep = Sweep.model_validate(values)
    space = Space(["one"], ["doll"], sweep.space)
    enter(tmp_path / "hers", monkeypatch)
    with Study(sweep, space).held():
        enter(tmp_path / "his", monkeypatch)
        with pytest.raises(SweepError, match="sweep rates is going on already"):
            Study(sweep, space)
    Study(sweep, space)
