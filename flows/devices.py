"""Which GPUs, or which share of the cores, a training may use: on a machine, never more trainings than places.

Prefect's limit on the tag `training@MACHINE` says how many, on its page too, and can be lowered there; a lock on a
file for each place says which. The kernel lets go of a lock when its holder dies, however it dies.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_logger

from flows.errors import DeviceError, EndedError

VARIABLE = "SMIS_DEVICES"
MACHINE = "SMIS_MACHINE"
POLL_S = 0.2
_CPU = "cpu"
_LOG = get_logger("devices")


def places() -> list[str]:
    """Name this machine's places for trainings: its GPUs; without one, as many as it has cores.

    `$SMIS_DEVICES` says otherwise: `0,1` are GPUs, `cpu:4` is room for four trainings on the CPU.

    Raises:
        DeviceError: if it is neither.
    """
    told = os.environ.get(VARIABLE, "")
    if not told:
        cores = _cores()
        return _gpus() or [f"{_CPU}-{place}" for place in range(cores)]
    kind, _, count = told.partition(":")
    if kind == _CPU and (count or "1").isdecimal() and int(count or "1"):
        return [f"{_CPU}-{place}" for place in range(int(count or "1"))]
    gpus = [name.strip() for name in told.split(",")]
    if ":" in told or not all(gpus):
        raise DeviceError(f"{VARIABLE} is {told!r}; write GPUs as 0,1 or room for trainings on the CPU as cpu:4")
    return gpus


def machine() -> str:
    """Name this machine: `$SMIS_MACHINE` where the host's name says nothing, as in a container."""
    return os.environ.get(MACHINE) or socket.gethostname()


def tag() -> str:
    """Name the limit for trainings on this machine."""
    return f"training@{machine()}"


def limit() -> str:
    """Tell Prefect how many trainings this machine takes at a time; return the tag that counts them.

    A lower limit is a person's, and stays. A process that was killed leaves its slots taken; they are freed if nobody
    trains here.
    """
    here = places()
    with get_client(sync_client=True) as client:
        told = _told(client)
        if told is None or told > len(here):
            client.create_concurrency_limit(tag(), len(here))
        elif told < len(here):
            _LOG.info("Prefect's limit %s lets %d train in %d places; its page changes it", tag(), told, len(here))
        if all_free(here):  # Prefect's reset forgets who holds the slots, but not that they are held
            client.reset_concurrency_limit_by_tag(tag())
            client.update_global_concurrency_limit(f"tag:{tag()}", GlobalConcurrencyLimitUpdate(active_slots=0))
    return tag()


def _told(client: SyncPrefectClient) -> int | None:
    """Return the limit that Prefect has."""
    try:
        return client.read_concurrency_limit_by_tag(tag()).concurrency_limit
    except ObjectNotFound:
        return None


def all_free(names: Sequence[str]) -> bool:
    """Say whether nobody trains on this machine."""
    with ExitStack() as held:
        return all(_taken(name, held) for name in names)


@contextmanager
def leased(count: int = 1, *, side_by_side: int, ended: Callable[[], bool]) -> Iterator[dict[str, str]]:
    """Wait for `count` GPUs (or one place on a CPU) of this machine; give what a training's environment says of them.

    `side_by_side` trainings share the cores of a machine without a GPU.

    Raises:
        DeviceError: if the machine does not have so many.
        EndedError: if `ended` meanwhile.
    """
    here = places()
    on_cpu = here[0].startswith(_CPU)
    wanted = 1 if on_cpu else count
    if wanted > len(here):
        raise DeviceError(
            f"{count} GPUs for each training are asked for, but this machine has {len(here)}: {', '.join(here)}"
        )
    with ExitStack() as held:
        names = _wait(here, wanted, held, ended)
        share = _cores() // (min(side_by_side, len(here)) * count)
        yield _environment(names, threads=max(1, share) if on_cpu else None)


def _wait(here: Sequence[str], wanted: int, held: ExitStack, ended: Callable[[], bool]) -> list[str]:
    while not ended():
        with ExitStack() as tried:  # all or none: two that hold half of what they need would wait for ever
            taken: list[str] = []
            taken += (name for name in here if len(taken) < wanted and _taken(name, tried))
            if len(taken) == wanted:
                held.push(tried.pop_all())
                return taken
        time.sleep(POLL_S)
    raise EndedError("a training was not started: its flow ends")


def _taken(name: str, held: ExitStack) -> bool:
    file = _lock(name).open()
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.callback(file.close)
    return True


def _lock(name: str) -> Path:
    """Return the file of a place, which every user of the machine may read; a lock asks for no more."""
    folder = Path(tempfile.gettempdir()) / "smis-devices"
    path = folder / name
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o1777)  # whatever the umask of who is first
    with suppress(FileExistsError):
        path.touch(exist_ok=False)
        path.chmod(0o644)
    return path


def _environment(names: Sequence[str], *, threads: int | None) -> dict[str, str]:
    if threads is None:
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(names)}
    return {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}


def _gpus() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in {"", "-1"}]
    if not shutil.which("nvidia-smi"):
        return []
    asked = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    listed = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    return listed.stdout.split() if listed.returncode == 0 else []


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
