"""The command `smis`: one thin file per verb."""

import argparse
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from smis.core.errors import SmisError, fixable
from smis.core.messages import report

_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "the terminal was closed"}
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, 2 for what a person can fix, 128 + its number after a signal."""
    _prepare_output()
    try:
        with _signals_raise():
            _run(arguments)
    except BrokenPipeError:  # the reader (`head`, a pager) has closed the pipe
        _discard_output()
        return 1
    except _SignalReceived as received:
        report(_SIGNALS[received.number])
        return 128 + received.number
    except KeyboardInterrupt:
        report(_SIGNALS[signal.SIGINT])
        return 128 + signal.SIGINT
    except (SmisError, OSError, MemoryError, RuntimeError) as error:
        message = _full_disk(error) or fixable(error)
        if message is None:
            raise
        report(f"error: {message}")
        return 2
    return 0


def _run(arguments: Sequence[str] | None) -> None:
    from smis.cli import (
        bench,
        data,
        external_weights,
        metrics,
        released_checkpoints,
        runs,
        studio,
        styles,
        systems,
        zoo,
    )

    parser = _Parser(prog="smis", description="Diverse semantic image synthesis.")
    verbs = parser.add_subparsers(required=True, metavar="verb")
    for verb in (systems, external_weights, data, styles, metrics, bench, runs, released_checkpoints, zoo, studio):
        verb.add(verbs)
    try:
        options = parser.parse_args(arguments)
        options.run(options)
    finally:
        sys.stdout.flush()


class _Parser(argparse.ArgumentParser):
    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Print what is wrong with the arguments as every other message is printed."""
        if message:
            report(message.rstrip("\n"))
        super().exit(status)


def _full_disk(error: Exception) -> str | None:
    """Return the message of an output that has no room."""
    if not isinstance(error, OSError) or error.errno not in _DISK_FULL:
        return None
    _discard_output()
    return f"the output cannot be written ({os.strerror(error.errno).lower()}); free space, then repeat the command"


def _prepare_output() -> None:
    """Open a stream that the caller has closed, else the next file would become it; let every locale print all text."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Python writes what is left of the output once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _SignalReceived(KeyboardInterrupt):
    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self.number = number


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let the first signal to end unwind the stack, so that partial files are deleted; later ones do not disturb it."""

    def unwind(number: int, _: object) -> None:
        for each in previous:
            signal.signal(each, signal.SIG_IGN)
        raise _SignalReceived(signal.Signals(number))

    # what a caller ignores (nohup, a job in the background of a script) stays ignored; a thread hears no signals
    heard = _SIGNALS if threading.current_thread() is threading.main_thread() else ()
    previous = {each: signal.getsignal(each) for each in heard if signal.getsignal(each) is not signal.SIG_IGN}
    try:
        for each in previous:
            signal.signal(each, unwind)
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
