"""Start a module as several processes, the way `torchrun` does, and end as they ended."""

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from smis.core.errors import ParamsError, SmisError, TrainingError
from smis.core.memory import KEPT_MEMORY

_LAUNCHER = "SMIS_LAUNCHER"
_LONELY = os.EX_TEMPFAIL
"""The exit code of a process whose neighbor is gone."""
_ASKED = {-signal.SIGTERM, 128 + signal.SIGTERM}
"""The exit codes of one that was asked to end, before it began and in time to save."""


def under_torchrun(module: str, *arguments: str, processes: int) -> None:
    """Run `python -m module arguments` as `processes` processes on this machine, and wait for them.

    When one is lost (killed, or the network between them broke), all are started again, `$SMIS_RESTARTS` times
    (default 3): the module goes on from its newest state. torchrun's own `--max-restarts` would also repeat what a
    person must fix, or a bug.

    Raises:
        SmisError: what a process reported, in its words.
        SystemExit: with 1 if a process failed with a traceback, which it has printed; with 128 + the signal's number
            if this process, or one of them, was asked to end.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException

    restarts = restarts_wanted(os.environ.get("SMIS_RESTARTS", "3"))
    _prepare_environment(processes)
    _quieten("torch.distributed")
    try:
        for restart in range(restarts + 1):
            failures = _run(module, arguments, processes)
            if not failures:
                return
            if restart == restarts or not _lost(failures):
                _end_as(failures)
            print(f"{_what(failures)}; going on from the last saved state ({restart + 1} of {restarts} restarts)",
                  file=sys.stderr, flush=True)  # fmt: skip
    except SignalException as signalled:
        raise SystemExit(128 + signalled.sigval) from None


def _run(module: str, arguments: Sequence[str], processes: int) -> list[Any]:
    """Return how processes failed, the first first; nothing where all went well."""
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        with TemporaryDirectory(prefix="smis-torchrun-") as logs:
            own = ["--standalone", f"--nproc-per-node={processes}", f"--log-dir={logs}"]
            run.run(run.parse_args([*own, "-m", module, *arguments]))
            return []
    except ChildFailedError as error:
        return list(error.failures.values())


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
        if not _of_a_lost_neighbor(error):
            raise
        raise SystemExit(_LONELY) from None  # the launcher says what became of the other


def _of_a_lost_neighbor(error: RuntimeError) -> bool:
    from torch import distributed as dist

    return isinstance(error, dist.DistError) or "gloo/transport" in str(error) or "closed by peer" in str(error)


def _quieten(name: str) -> None:
    """Let a library's loggers say nothing, whatever levels they set themselves: we say it in one line."""
    logger = logging.getLogger(name)
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False


def _prepare_environment(processes: int) -> None:
    """Share the cores; torchrun would give each of several processes one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // processes)))
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    for name, value in KEPT_MEMORY.items():
        os.environ.setdefault(name, value)
    os.environ[_LAUNCHER] = str(os.getpid())


def _lost(failures: list[Any]) -> bool:
    """Say whether a repeat may help: processes were killed or lost each other, and none has a fault of its own."""
    codes = {failure.exitcode for failure in failures}
    return bool(codes - _ASKED) and codes.isdisjoint({1, SmisError.exit_code})


def _what(failures: list[Any]) -> str:
    killed = [each.signal_name() for each in failures if each.exitcode < 0 and each.exitcode not in _ASKED]
    if killed:
        return f"a training process was ended by {killed[0]} (out of memory, perhaps)"
    return f"training processes lost each other (exit code {failures[0].exitcode})"


def _end_as(failures: list[Any]) -> None:
    """One that a person can fix goes before one that merely lost its neighbor."""
    for failure in failures:
        if failure.exitcode == SmisError.exit_code and isinstance(failure.message, dict):
            raise SmisError(failure.message["message"].partition(": ")[2]) from None
    if _lost(failures):
        raise TrainingError(f"{_what(failures)}; repeat the command to go on from the last saved state") from None
    sys.stderr.flush()
    asked = all(failure.exitcode in _ASKED for failure in failures)
    raise SystemExit(128 + signal.SIGTERM if asked else 1)


def restarts_wanted(text: str) -> int:
    """Read how often lost processes are started again.

    Raises:
        ParamsError: if it is no whole number from 0.
    """
    if not text.isdecimal():
        raise ParamsError(f"$SMIS_RESTARTS is {text!r}, but must be a whole number; 0 starts nothing again")
    return int(text)


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
