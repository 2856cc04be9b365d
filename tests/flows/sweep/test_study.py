"""Studies in a PostgreSQL that is away for a while."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from optuna.trial import TrialState

from flows import retry
from flows.exceptions import ConnectionLostError, StoppedError, SweepError
from flows.retry import TIMEOUT_S
from flows.sweep.config import Sweep
from flows.sweep.space import Space
from flows.sweep.study import DATABASE, Study, open_storage
from flows.sweep.trial import TrialResult
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
        monkeypatch.setenv(DATABASE, made.address)
        monkeypatch.setattr(retry, "INTERVAL_S", 0.1)
        yield made
        made.stop()


def study(should_stop: Callable[[], bool] = lambda: False, *, timeout_s: float = TIMEOUT_S) -> Study:
    values = {"name": "rates", "objectives": {"FD": "minimize"}, "space": [{"path": "train.rate", "choices": [1, 2]}]}
    sweep = Sweep.model_validate(values)
    return Study(sweep, Space(["one"], ["doll"], sweep.space), should_stop=should_stop, timeout_s=timeout_s)


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


def test_a_database_that_stays_away_is_reported_with_its_reason(database: Database) -> None:
    made = study(timeout_s=0.0)
    database.stop()
    with pytest.raises(
        ConnectionLostError, match=r"^the database of studies has not answered for 0 s \(.*\)"
    ) as caught:
        made.next()
    assert PASSWORD not in str(caught.value)
    database.start()


def test_a_sweep_that_stops_does_not_wait_for_its_database(database: Database) -> None:
    made = study(lambda: True)
    database.stop()
    with pytest.raises(StoppedError, match=r"^the database of studies does not answer, and the flow stops$"):
        made.next()
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
    monkeypatch.setenv(DATABASE, address)
    with pytest.raises(SweepError, match=rf"^the database that SMIS_STUDIES names does not open \(.*{why}") as caught:
        open_storage()
    assert PASSWORD not in str(caught.value)
