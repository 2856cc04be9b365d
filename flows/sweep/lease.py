"""One sweep of a name at a time: in a folder by a lock, in a database that machines share by a sign of life.

Whoever runs a shared study says so in it, again and again. No clock is compared with another machine's: who comes
second looks whether the first one's count still moves.
"""

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError

from flows import devices
from flows.errors import SweepError
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


def check(study: optuna.Study) -> None:
    """Wait a little, if a sweep of this study was begun elsewhere and did not end, to see whether it goes on.

    Raises:
        SweepError: if it does.
    """
    seen = study.user_attrs.get(_LEASE)
    if not seen or seen["who"] == _me():  # its own folder has a lock
        return
    end = time.monotonic() + 3 * BEAT_S
    while time.monotonic() < end:
        time.sleep(BEAT_S / 5)
        if study.user_attrs.get(_LEASE) not in (seen, {}):
            raise SweepError(
                f"sweep {study.study_name} is going on already, in {seen['who']}; wait for it, or choose another name"
            )


@contextmanager
def held(study: optuna.Study) -> Iterator[None]:
    """Meanwhile, keep this study from sweeps of other machines and folders."""
    me, done = _me(), threading.Event()

    def beat() -> None:
        for number in count(1):
            if done.wait(BEAT_S):
                return
            with suppress(StorageInternalError):  # the next one may get through
                study.set_user_attr(_LEASE, {"who": me, "beat": number})

    study.set_user_attr(_LEASE, {"who": me, "beat": 0})
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        with suppress(StorageInternalError):
            study.set_user_attr(_LEASE, {})


def _me() -> str:
    return f"{Path.cwd()} on {devices.machine()}"
