"""Start a module as several processes, the way `torchrun` does, and end as they ended."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from smis.core.errors import ParamsError, SmisError, TrainingError

_LAUNCHER = "SMIS_LAUNCHER"


def under_torchrun(module: str, *arguments: str, processes: int) -> None:
    """Run `python -m module arguments` as `processes` processes on this machine, and wait for them.

    Raises:
        SmisError: what a process reported, in its words.
        SystemExit: with 1 if a process failed with a traceback, which it has printed; with 128 + the signal's number
            if this process was asked to end.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    _prepare_environment(processes)
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    try:
        with TemporaryDirectory(prefix="smis-torchrun-") as logs:
            own = ["--standalone", f"--nproc-per-node={processes}", f"--log-dir={logs}"]
            run.run(run.parse_args([*own, "-m", module, *arguments]))
    except ChildFailedError as error:
        _end_as(list(error.failures.values()))
    except SignalException as signalled:
        raise SystemExit(128 + signalled.sigval) from None


@contextmanager
def reported() -> Iterator[None]:
    """Hand what a person can fix to the launcher, which prints it once; end if the launcher is gone already."""
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    if os.environ.get(_LAUNCHER, str(os.getppid())) != str(os.getppid()):
        raise SystemExit(1)
    try:
        yield
    except SmisError as error:
        get_error_handler().record_exception(error)
        raise SystemExit(error.exit_code) from None
    except RuntimeError as error:
        if "Connection closed by peer" not in str(error):
            raise
        raise SystemExit(1) from None  # another process failed, and says why


def _prepare_environment(processes: int) -> None:
    """Share the cores; torchrun would give each of several processes one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // processes)))
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    os.environ[_LAUNCHER] = str(os.getpid())


def _end_as(failures: list[Any]) -> None:
    """One that a person can fix goes before one that merely lost its neighbour."""
    for failure in failures:
        if failure.exitcode == SmisError.exit_code and isinstance(failure.message, dict):
            raise SmisError(failure.message["message"].partition(": ")[2]) from None
    for failure in failures:
        if failure.exitcode < 0 and failure.signal_name() != "SIGTERM":
            raise TrainingError(
                f"a training process was ended by {failure.signal_name()} (out of memory, perhaps); "
                "repeat the command to go on from the last saved state"
            ) from None
    sys.stderr.flush()
    raise SystemExit(1)


def processes_wanted(text: str, *, batch: int) -> int:
    """Read a number of processes that shares the global batch equally.

    Raises:
        ParamsError: if it is no number, or does not divide the batch.
    """
    count = int(text) if text.isdecimal() else 0
    if count < 1 or batch % count:
        fitting = [str(n) for n in range(1, min(batch, 16) + 1) if batch % n == 0]
        allowed = ", ".join(fitting)
        raise ParamsError(f"$SMIS_PROCESSES is {text!r}, but must divide train.batch ({batch}); say one of {allowed}")
    return count
