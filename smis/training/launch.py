"""Start a module as several processes, as `torchrun` does, restart lost ones, and exit as they did."""

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from smis.core.errors import ParamsError, SmisError, TrainingError, shown
from smis.core.numbers import parse_whole
from smis.core.process_settings import MALLOC_ENVIRONMENT

_LAUNCHER_PID = "SMIS_LAUNCHER"
_LOST_PEER = os.EX_TEMPFAIL
"""Exit code of a process that lost its connection to another."""
_TERMINATED = {-signal.SIGTERM, 128 + signal.SIGTERM}
"""Exit codes of a process that got SIGTERM: before training began, and after it saved a checkpoint."""


def launch_torchrun(module: str, *arguments: str, processes: int) -> None:
    """Run `python -m module arguments` as `processes` processes on this machine, and wait for them.

    If a process is lost (killed, or disconnected), all are restarted up to `$SMIS_RESTARTS` times (default 3): the
    module resumes from its newest checkpoint. torchrun's own `--max-restarts` would also repeat bugs, and errors that
    a person must fix.

    Raises:
        SmisError: the error that a process reported.
        SystemExit: 1 if a process failed with a traceback, which it has printed; 128 + the signal's number if this
            process or one of them got a signal to end.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException

    restarts = parse_restarts(os.environ.get("SMIS_RESTARTS", "3"))
    _prepare_environment(processes)
    logger = logging.getLogger("torch.distributed")  # silent, whatever levels it sets: we print one line instead
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    try:
        for restart in range(restarts + 1):
            failures = _run(module, arguments, processes)
            if not failures:
                return
            if restart == restarts or not _is_lost(failures):
                _exit_as(failures)
            print(f"{_describe(failures)}; resuming from the last checkpoint ({restart + 1} of {restarts} restarts)",
                  file=sys.stderr, flush=True)  # fmt: skip
    except SignalException as signalled:
        raise SystemExit(128 + signalled.sigval) from None


def _run(module: str, arguments: Sequence[str], processes: int) -> list[Any]:
    """Return the failures of the processes, the earliest first."""
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        with TemporaryDirectory(prefix="smis-torchrun-") as logs:
            options = ["--standalone", f"--nproc-per-node={processes}", f"--log-dir={logs}"]
            run.run(run.parse_args([*options, "-m", module, *arguments]))
            return []
    except ChildFailedError as error:
        return list(error.failures.values())


@contextmanager
def report_errors() -> Iterator[None]:
    """Report a SmisError of this process to its launcher, which prints it once; exit if the launcher is gone."""
    from torch.distributed import DistError
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    if os.environ.get(_LAUNCHER_PID, str(os.getppid())) != str(os.getppid()):
        raise SystemExit(1)
    try:
        yield
    except SmisError as error:
        get_error_handler().record_exception(error)
        raise SystemExit(error.exit_code) from None
    except RuntimeError as error:
        if not (isinstance(error, DistError) or "gloo/transport" in str(error) or "closed by peer" in str(error)):
            raise
        raise SystemExit(_LOST_PEER) from None  # the launcher reports the process that was lost


def _prepare_environment(processes: int) -> None:
    """Divide the cores among the processes; torchrun would give each of several one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // processes)))
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    for name, value in MALLOC_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ[_LAUNCHER_PID] = str(os.getpid())


def _is_lost(failures: list[Any]) -> bool:
    """Return whether a restart may help: processes were killed or disconnected, and none has an error of its own."""
    codes = {failure.exitcode for failure in failures}
    return bool(codes - _TERMINATED) and codes.isdisjoint({1, SmisError.exit_code})


def _describe(failures: list[Any]) -> str:
    killed = [each.signal_name() for each in failures if each.exitcode < 0 and each.exitcode not in _TERMINATED]
    if killed:
        return f"a training process was ended by {killed[0]} (out of memory, perhaps)"
    return f"training processes lost their connection (exit code {failures[0].exitcode})"


def _exit_as(failures: list[Any]) -> None:
    """Raise the error that a person can fix, before that of a process that merely lost its peer."""
    for failure in failures:
        if failure.exitcode == SmisError.exit_code and isinstance(failure.message, dict):
            raise SmisError(failure.message["message"].partition(": ")[2]) from None
    if _is_lost(failures):
        raise TrainingError(f"{_describe(failures)}; repeat the command to resume from the last checkpoint") from None
    sys.stderr.flush()
    terminated = all(failure.exitcode in _TERMINATED for failure in failures)
    raise SystemExit(128 + signal.SIGTERM if terminated else 1)


def parse_restarts(text: str) -> int:
    """Parse $SMIS_RESTARTS, how often lost processes are restarted.

    Raises:
        ParamsError: if it is no whole number from 0.

    Example:
        >>> parse_restarts("3")
        3
    """
    restarts = parse_whole(text)
    if restarts is None:
        raise ParamsError(f"$SMIS_RESTARTS is {shown(text)}, but must be a whole number; 0 never restarts")
    return restarts


def parse_processes(text: str, *, batch: int) -> int:
    """Parse $SMIS_PROCESSES, the number of processes that share the global batch equally.

    Raises:
        ParamsError: if it is no number, or does not divide the batch.

    Example:
        >>> parse_processes("4", batch=16)
        4
    """
    count = parse_whole(text, low=1)
    if count is None or batch % count:
        allowed = ", ".join(str(n) for n in range(1, min(batch, 16) + 1) if batch % n == 0)
        raise ParamsError(
            f"$SMIS_PROCESSES is {shown(text)}, but must divide train.batch ({batch}); choose one of {allowed}"
        )
    return count
