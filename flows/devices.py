"""Locks on this machine's GPUs, or on shares of its cores: no more trainings at a time than it has devices.

Each device has a lock on a file, shared by all users of the machine. The kernel releases a lock when its holder dies,
even by SIGKILL.
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

from flows.exceptions import FlowError, StoppedError

VARIABLE = "SMIS_DEVICES"
MACHINE = "SMIS_MACHINE"
POLL_S = 0.2
_CPU = "cpu"


def list_devices() -> list[str]:
    """Name this machine's devices: `$SMIS_DEVICES` (`0,1` or `cpu:4`), else its GPUs, else one per core.

    Raises:
        FlowError: if `$SMIS_DEVICES` is neither a list of GPUs nor a number of concurrent trainings on the CPU.
    """
    chosen = os.environ.get(VARIABLE) or ",".join(_gpus()) or f"{_CPU}:{count_cores()}"
    kind, _, count = chosen.partition(":")
    if kind == _CPU and (count or "1").isdecimal() and int(count or "1"):
        return [f"{_CPU}-{number}" for number in range(int(count or "1"))]
    gpus = [name.strip() for name in chosen.split(",")]
    if ":" in chosen or not all(gpus):
        raise FlowError(f"{VARIABLE} is {chosen!r}; write GPUs as 0,1 or a number of trainings on the CPU as cpu:4")
    return gpus


def all_as_one() -> str:
    """Return the `$SMIS_DEVICES` of a machine that runs one training at a time: its GPUs, or all its cores together."""
    names = list_devices()
    return f"{_CPU}:1" if names[0].startswith(_CPU) else ",".join(names)


def machine_name() -> str:
    """Return `$SMIS_MACHINE`, for containers whose host name says nothing, or the host name."""
    return os.environ.get(MACHINE) or socket.gethostname()


@contextmanager
def locked(count: int = 1, *, max_concurrent: int, should_stop: Callable[[], bool]) -> Iterator[dict[str, str]]:
    """Wait for `count` GPUs (or one place on the CPU) of this machine and hold them while the block runs.

    Args:
        count: GPUs, one for each process of a training; without GPUs, the processes share one place.
        max_concurrent: Trainings that share the cores of a machine without a GPU.
        should_stop: Whether to stop waiting.

    Yields:
        The environment variables that show the devices to a training.

    Raises:
        FlowError: if the machine has fewer.
        StoppedError: if `should_stop` while waiting.
    """
    devices = list_devices()
    on_cpu = devices[0].startswith(_CPU)
    needed = 1 if on_cpu else count
    if needed > len(devices):
        raise FlowError(f"a training needs {count} GPUs, but this machine has {len(devices)}: {', '.join(devices)}")
    threads = max(1, count_cores() // (min(max_concurrent, len(devices)) * count))
    with ExitStack() as locks:
        names = _wait(devices, needed, locks, should_stop)
        if on_cpu:
            yield {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}
        else:
            yield {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(names)}


def count_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _wait(devices: Sequence[str], count: int, locks: ExitStack, should_stop: Callable[[], bool]) -> list[str]:
    while not should_stop():
        with ExitStack() as attempt:  # all or none: two trainings that hold half of what they need would deadlock
            names: list[str] = []
            names += (name for name in devices if len(names) < count and _try_lock(name, attempt))
            if len(names) == count:
                locks.push(attempt.pop_all())
                return names
        time.sleep(POLL_S)
    raise StoppedError("a training was not started: its flow stops")


def _try_lock(name: str, locks: ExitStack) -> bool:
    """Lock a device's file, which every user of the machine may read; flock needs no more."""
    folder = Path(tempfile.gettempdir()) / "smis-devices"
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o1777)  # whatever the first user's umask
    with suppress(FileExistsError):
        (folder / name).touch(exist_ok=False)
        (folder / name).chmod(0o644)
    file = (folder / name).open(encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    locks.enter_context(file)
    return True


def _gpus() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in {"", "-1"}]
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    listed = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    return listed.stdout.split() if listed.returncode == 0 else []
