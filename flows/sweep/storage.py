"""Where studies are kept: a file of the workspace, or a database that machines share, which may be away for a while."""

import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError

from flows.exceptions import ConnectionLostError, StoppedError, SweepError
from flows.sweep.workspace import SWEEPS

VARIABLE = "SMIS_STUDIES"
POLL_S = 2.0
WITHIN_S = 300.0
_SILENT = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 5}
"""When PostgreSQL's client takes a server that says nothing for one that is away: by itself, after many minutes."""


def shared() -> bool:
    """Say whether machines and folders share one database."""
    return bool(os.environ.get(VARIABLE))


def opened(*, patient: bool = True, ended: Callable[[], bool] = lambda: False) -> RDBStorage:
    """Open the database that `$SMIS_STUDIES` names, or else the workspace's file.

    `patient`: calls to a shared one are retried; that raises `ConnectionLostError` when it lasts for some
    minutes, `StoppedError` if `ended` meanwhile.

    Raises:
        SweepError: if there is none at that address.
    """
    address = os.environ.get(VARIABLE)
    if not address:
        SWEEPS.mkdir(parents=True, exist_ok=True)
        # Sweeps side by side wait for one another's writes.
        return RDBStorage(f"sqlite:///{SWEEPS / 'studies.db'}", engine_kwargs={"connect_args": {"timeout": 60}})
    how = {"pool_pre_ping": True, "connect_args": _SILENT if address.startswith("postgresql") else {}}
    try:
        return _Patient(address, how, ended) if patient else RDBStorage(address, engine_kwargs=how)
    except (DBAPIError, ArgumentError, NoSuchModuleError, ImportError, StorageInternalError, RuntimeError) as error:
        raise SweepError(
            f"the database that {VARIABLE} names does not open ({_reason(error)}); "
            "an address is like postgresql+psycopg2://USER:PASSWORD@HOST:5432/optuna"
        ) from None


class _Patient(RDBStorage):
    """Asks again what was not answered."""

    def __init__(self, address: str, how: dict[str, Any], ended: Callable[[], bool]) -> None:
        self.outage = _Outage(ended)
        super().__init__(address, engine_kwargs=how)


class _Outage:
    """Bounds how long the database may be away, whoever asks it, by one clock for all threads."""

    def __init__(self, ended: Callable[[], bool]) -> None:
        self._ended = ended
        self._since: float | None = None

    def over(self) -> None:
        """Hear that it has answered."""
        self._since = None

    def wait(self, error: Exception) -> None:
        """Wait a little, unless it lasts too long or nobody waits any more."""
        now = time.monotonic()
        since = self._since = now if self._since is None else self._since
        if now - since > WITHIN_S:
            raise ConnectionLostError(
                f"the database of studies has not answered for {WITHIN_S:.0f} s ({_reason(error)}); "
                "start the sweep again when it is back: it goes on"
            ) from error
        if self._ended():
            raise StoppedError("the database of studies is away, and the sweep ends") from error
        time.sleep(POLL_S)


def _patiently(call: Callable[..., Any]) -> Callable[..., Any]:
    """Call again while the database is away."""

    @wraps(call)
    def asked(storage: _Patient, *args: Any, **kwargs: Any) -> Any:
        again = False
        while True:
            try:
                answer = call(storage, *args, **kwargs)
            except UpdateFinishedTrialError:
                if not again:
                    raise
                answer = True
            except (StorageInternalError, OperationalError, InterfaceError) as error:
                if not _is_away(error):
                    raise
                again = True
                storage.outage.wait(error)
                continue
            storage.outage.over()
            return True if again and answer is False else answer  # a state was set before its answer was lost

    return asked


def _is_away(error: BaseException) -> bool:
    return isinstance(error, OperationalError | InterfaceError) or (
        error.__cause__ is not None and _is_away(error.__cause__)
    )


def _reason(error: BaseException) -> str:
    """Return the database's own first line, without SQLAlchemy's words around it."""
    while isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


_BY_THE_CACHE = {"_create_new_trial", "_get_trials", "_set_trial_param", "get_trial_id_from_study_id_trial_number"}
"""What the cache that Optuna puts before a database asks it for, beside what every storage has."""

for _name in BaseStorage.__abstractmethods__ | _BY_THE_CACHE:
    setattr(_Patient, _name, _patiently(getattr(RDBStorage, _name)))
