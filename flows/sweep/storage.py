"""Where studies are kept: a file of the workspace, or a database that machines share, which may be away for a while."""

import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError

from flows.errors import LostError, SweepError
from flows.sweep.workspace import SWEEPS

VARIABLE = "SMIS_STUDIES"
POLL_S = 2.0
WITHIN_S = 300.0


def shared() -> bool:
    """Say whether machines and folders share one database."""
    return bool(os.environ.get(VARIABLE))


def opened(*, patient: bool = True) -> RDBStorage:
    """Open the database that `$SMIS_STUDIES` names, or else the workspace's file.

    `patient`: what a shared one does not answer is asked again, for some minutes, before it is a `LostError`.

    Raises:
        SweepError: if there is none at that address.
    """
    address = os.environ.get(VARIABLE)
    if not address:
        SWEEPS.mkdir(parents=True, exist_ok=True)
        # Sweeps side by side wait for one another's writes.
        return RDBStorage(f"sqlite:///{SWEEPS / 'studies.db'}", engine_kwargs={"connect_args": {"timeout": 60}})
    kind = _Patient if patient else RDBStorage
    try:
        return kind(address, engine_kwargs={"pool_pre_ping": True})
    except (DBAPIError, ArgumentError, NoSuchModuleError) as error:
        raise SweepError(
            f"the database that {VARIABLE} names does not open ({_reason(error)}); "
            "an address is like postgresql+psycopg2://USER:PASSWORD@HOST:5432/optuna"
        ) from None


def _patient(call: Callable[..., Any]) -> Callable[..., Any]:
    """Call again while the database is away: each of Optuna's calls means the same when it is made twice."""

    @wraps(call)
    def asked(*args: Any, **kwargs: Any) -> Any:
        until, again = time.monotonic() + WITHIN_S, False
        while True:
            try:
                return call(*args, **kwargs)
            except UpdateFinishedTrialError:
                if not again:
                    raise
                return True  # the answer to the first call was lost
            except (StorageInternalError, OperationalError, InterfaceError) as error:
                if not _is_away(error):
                    raise
                if time.monotonic() > until:
                    raise LostError(
                        f"the database of studies has not answered for {WITHIN_S:.0f} s ({_reason(error)}); "
                        "start the sweep again when it is back: it goes on"
                    ) from error
            again = True
            time.sleep(POLL_S)

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
_Patient = type(
    "_Patient",
    (RDBStorage,),
    {name: _patient(getattr(RDBStorage, name)) for name in BaseStorage.__abstractmethods__ | _BY_THE_CACHE},
)
