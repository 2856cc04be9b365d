"""One sweep of a name at a time: in a folder by a lock, in a database that machines share by a sign of life.

Whoever runs a shared study says so in it, again and again. No clock is compared with another machine's: who comes
second looks whether the first one's count still moves, and who slept, and finds another's sign there, ends.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import optuna
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError

from flows import devices
from flows.exceptions import SweepError, TakenOverError
from flows.retry import call_periodically
from flows.sweep import storage
from flows.sweep.workspace import SWEEPS

BEAT_S = 5.0
_LEASE = "lease"


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Keep a second sweep of this name from the same folders.

    Raises:
        SweepError: if there is one.
    """
    folder = SWEEPS / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SweepError(f"sweep {name} is going on already; wait for it, or choose another name") from None
        yield


class Lease:
    """The right to run a study of a shared database."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._mine = {"who": f"{Path.cwd()} on {devices.machine_name()}", "id": uuid4().hex}
        self._beats = 0

    def take(self) -> None:
        """Take it, after a look whether a sweep of this study that was begun elsewhere and did not end goes on.

        Raises:
            SweepError: if it does.
        """
        seen = _there(self._study)
        if seen and seen["who"] != self._mine["who"]:  # its own folder has a lock
            self._look(seen)
        self._write(self._study)

    @contextmanager
    def held(self, lost: Callable[[TakenOverError], object]) -> Iterator[None]:
        """Meanwhile, keep this study from sweeps of other machines and folders; at the end give it back.

        `lost` hears that another one began it, while this one gave no sign of life or at the same moment.
        """
        # Signs of life wait for no database that is away: the next one may get through.
        beats = optuna.load_study(study_name=self._study.study_name, storage=storage.opened(patient=False))
        try:
            with call_periodically(lambda: self._beat(beats, lost), interval_s=BEAT_S):
                yield
        finally:
            with suppress(StorageInternalError, DBAPIError):
                if self._is_ours(beats):
                    beats.set_user_attr(_LEASE, {})

    def _look(self, seen: dict[str, Any]) -> None:
        who, name = seen["who"], self._study.study_name
        print(f"sweep {name} was begun in {who}; looking whether it goes on", flush=True)
        end = time.monotonic() + 3 * BEAT_S
        while time.monotonic() < end:
            time.sleep(BEAT_S / 5)
            if _there(self._study) not in (seen, {}):
                raise SweepError(f"sweep {name} is going on already, in {who}; wait for it, or choose another name")

    def _beat(self, study: optuna.Study, lost: Callable[[TakenOverError], object]) -> None:
        with suppress(StorageInternalError, DBAPIError):
            if self._is_ours(study):
                self._write(study)
            else:
                by = _there(study).get("who", "another place, where it has ended")
                told = f"sweep {study.study_name} was begun in {by}, while nothing was heard of this one, which ends"
                lost(TakenOverError(told))

    def _is_ours(self, study: optuna.Study) -> bool:
        return _there(study).get("id") == self._mine["id"]

    def _write(self, study: optuna.Study) -> None:
        study.set_user_attr(_LEASE, self._mine | {"beat": self._beats})
        self._beats += 1


def _there(study: optuna.Study) -> dict[str, Any]:
    return study.user_attrs.get(_LEASE) or {}
