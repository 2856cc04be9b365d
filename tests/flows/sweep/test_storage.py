"""Studies in a PostgreSQL that is away for a while."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from flows.exceptions import ConnectionLostError, StoppedError, SweepError
from flows.sweep import storage
from flows.sweep.config import Sweep
from flows.sweep.space import Space
from flows.sweep.study import Study
from flows.sweep.trial import TrialResult
from tests.flows.sweeps import SweepWorkspace
from tests.flows.workspaces import wait_for
from tests.servers import free_port
from tests.services import postgresql

PASSWORD = "chosen"


class Database:
    """A server that comes back with what it knew."""

    def __init__(self, folder: Path) -> None:
        self._data, self._port, self._log = folder / "data", free_port(), folder / "log"
        path = f"{postgresql.programs(folder)}{os.pathsep}{os.defpath}"
        self._env = {"PATH": path, "POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": PASSWORD}
        self.address = f"postgresql+psycopg2://postgres:{PASSWORD}@127.0.0.1:{self._port}/postgres"
        postgresql.make_cluster(self._data, self._env)

    def start(self) -> None:
        self._process = postgresql.serve(self._data, port=self._port, env=self._env, log=self._log)

    def ready(self) -> bool:
        asked = ["pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(self._port)]
        return subprocess.run(asked, env=self._env, check=False).returncode == 0

    def stop(self) -> None:
        """End it at once: SIGTERM would wait for its clients."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as nobody, if we are root
        made = Database(Path(folder))
        made.start()
        wait_for(made.ready, timeout_s=30)
        monkeypatch.setenv(storage.VARIABLE, made.address)
        monkeypatch.setattr(storage, "POLL_S", 0.1)
        yield made
        made.stop()


def study(ended: Callable[[], bool] = lambda: False) -> Study:
    values = {"name": "rates", "objectives": {"FD": "minimize"}, "space": [{"path": "train.rate", "choices": [1, 2]}]}
    sweep = Sweep.model_validate(values)
    return Study(sweep, Space(["one"], ["doll"], sweep.space), ended=ended)


def test_a_sweep_goes_on_when_its_database_was_away(database: Database) -> None:
    made = study()
    for measured in (1.0, 2.0):
        database.stop()
        back = threading.Timer(1.0, database.start)
        back.start()
        number = made.next()
        back.join()
        assert number is not None
        wait_for(database.ready, timeout_s=30)
        made.add(number, 0, TrialResult({"FD": measured}, 1.0))
    assert [trial.state for trial in study().trials] == [TrialState.COMPLETE] * 2


def test_a_database_that_stays_away_is_told_with_its_reason(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()
    made = study(ended=gone.is_set)
    database.stop()
    monkeypatch.setattr(storage, "WITHIN_S", 0.3)
    with pytest.raises(ConnectionLostError, match=r"has not answered for 0 s \(.*\); start the sweep again") as caught:
        made.next()
    assert PASSWORD not in str(caught.value)
    monkeypatch.setattr(storage, "WITHIN_S", 300.0)
    begin = time.monotonic()
    gone.set()
    with pytest.raises(StoppedError, match=r"^the database of studies is away, and the sweep ends$"):
        made.next()
    assert time.monotonic() - begin < 60
    database.start()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postgresql+psycopg2://me:chosen@127.0.0.1:9/optuna", "Connection refused"),
        ("nothing at all", "Could not parse SQLAlchemy URL"),
        ("paper://me:chosen@127.0.0.1/optuna", "Can't load plugin: sqlalchemy.dialects:paper"),
        ("mysql+mysqlconnector://me:chosen@127.0.0.1:9/optuna", "Failed to import DB access module"),
    ],
)
def test_an_address_without_a_database_is_told_at_once(address: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(storage.VARIABLE, address)
    with pytest.raises(SweepError, match=rf"^the database that SMIS_STUDIES names does not open \(.*{why}") as caught:
        storage.opened()
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("second", [UpdateFinishedTrialError("it is finished"), False], ids=["ended", "begun"])
def test_a_state_that_was_written_before_its_answer_was_lost_counts_as_written(
    second: Exception | bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "POLL_S", 0.0)
    lost = StorageInternalError("away")
    lost.__cause__ = OperationalError("UPDATE", {}, Exception("server closed the connection"))
    asked = storage._patiently(Mock(side_effect=[lost, second, second], __name__="write"))
    made = Mock(outage=storage._Outage(lambda: False))
    assert asked(made) is True
    if isinstance(second, Exception):
        with pytest.raises(UpdateFinishedTrialError, match="it is finished"):
            asked(made)
    else:
        assert asked(made) is False


def test_a_trial_that_was_made_before_its_answer_was_lost_is_run(inside: SweepWorkspace) -> None:
    made = study()
    made.recorded._storage.create_new_trial(made.recorded._study_id)
    assert made.next() == 0
    assert made.next() == 1
