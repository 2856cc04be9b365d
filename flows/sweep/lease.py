"""One sweep of a name at a time: in a folder by a lock, in a database that machines share by a sign of life.

Whoever runs a shared study says so in it, again and again. No clock is compared with another machine's: who comes
second looks whether the first one's count still moves, and who slept, and finds another's name there, ends.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import optuna
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError

from flows import devices
from flows.errors import SweepError
from flows.repeating import repeating
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

    def __init__(self, name: str) -> None:
        """Look at the study of this name; signs of life wait for no database that is away."""
        self._study = optuna.load_study(study_name=name, storage=storage.opened(patient=False))
        self._mine = {"who": f"{Path.cwd()} on {devices.machine()}", "id": uuid4().hex}
        self._beats = 0
        self._taken_by = ""

    def check(self) -> None:
        """Wait a little, if a sweep of this study was begun elsewhere and did not end, to see whether it goes on.

        Raises:
            SweepError: if it does.
        """
        seen = self._there()
        if not seen or seen["who"] == self._mine["who"]:  # its own folder has a lock
            return
        print(f"sweep {self._study.study_name} was begun in {seen['who']}; looking whether it goes on", flush=True)
        end = time.monotonic() + 3 * BEAT_S
        while time.monotonic() < end:
            time.sleep(BEAT_S / 5)
            if self._there() not in (seen, {}):
                raise SweepError(f"{self._going_on(seen['who'])}; wait for it, or choose another name")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Meanwhile, keep this study from sweeps of other machines and folders."""
        self._write()
        try:
            with repeating(self._beat, every_s=BEAT_S):
                yield
        finally:
            with suppress(StorageInternalError, DBAPIError):
                if not self._taken_by:
                    self._study.set_user_attr(_LEASE, {})

    def check_ours(self) -> None:
        """Look whether the study still belongs to this sweep.

        Raises:
            SweepError: if another one began it while this one gave no sign of life, or at the same moment.
        """
        if self._taken_by:
            raise SweepError(f"{self._going_on(self._taken_by)}, which began it while nothing was heard of this one")

    def _beat(self) -> None:
        with suppress(StorageInternalError, DBAPIError):  # the next one may get through
            there = self._there()
            if there.get("id", self._mine["id"]) != self._mine["id"]:
                self._taken_by = there["who"]
            if not self._taken_by:
                self._write()

    def _write(self) -> None:
        self._study.set_user_attr(_LEASE, self._mine | {"beat": self._beats})
        self._beats += 1

    def _there(self) -> dict[str, Any]:
        return self._study.user_attrs.get(_LEASE) or {}

    def _going_on(self, who: str) -> str:
        return f"sweep {self._study.study_name} is going on already, in {who}"
