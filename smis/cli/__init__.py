"""The command `smis`: one thin file per verb, imported when the verb is given: most of them bring torch."""

import argparse
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

from smis.core.errors import SmisError, fixable
from smis.core.messages import report
from smis.core.process_settings import limit_spinning

_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "the terminal was closed"}
VERBS = {
    "systems": ("systems", "list the systems, what each varies and its size"),
    "recipe": ("systems", "print the published training of a system"),
    "weights": ("external_weights", "list, download and locate external weights"),
    "data": ("data", "list data sets, show one, check one"),
    "generate": ("styles", "make images of label maps"),
    "resample": ("styles", "resample some classes or instances, and keep the rest"),
    "mix": ("styles", "give classes the appearance that they have on an exemplar"),
    "morph": ("styles", "interpolate from one style to another"),
    "edit": ("styles", "keep the style while the label map changes"),
    "copy": ("styles", "give one instance or class the appearance of an exemplar's"),
    "metrics": ("metrics", "measure images: FID, KID, LPIPS, diversity, mCSD, mOCD, segmentation"),
    "bench": ("bench", "measure images per second and where the time goes"),
    "runs": ("runs", "list trainings that run, or stopped before their end"),
    "import-checkpoint": ("released_checkpoints", "convert released weights (latest_net_G.pth) to a checkpoint"),
    "export-checkpoint": ("released_checkpoints", "convert a checkpoint for the authors' code, ONNX or torch.export"),
    "zoo": ("zoo", "list the trained models that come with the package, show one's card, add one"),
    "studio": ("studio", "paint label maps in a browser, and vary, mix, morph and copy styles"),
    "study": ("human_study", "show pairs of pictures to people: SHE, preference, odd one out"),
    "serve": ("studio", "the studio's server without its page: an API over HTTP, described at /docs"),
}
"""The module of each verb, whose `add` defines its arguments, and what it does."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, 2 for what a person can fix, 128 + its number after a signal."""
    _prepare_output()
    limit_spinning()
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


def full_parser() -> argparse.ArgumentParser:
    """Return the parser with the arguments of every verb, which the documentation is made from.

    Example:
        >>> options = full_parser().parse_args(["zoo", "show", "inade-paperdoll"])
        >>> options.name
        'inade-paperdoll'
    """
    return _parser(*dict.fromkeys(module for module, _ in VERBS.values()))


def _parser(*modules: str) -> argparse.ArgumentParser:
    """Return the parser of all verbs, with the arguments of those in some modules."""
    parser = _Parser(prog="smis", description="Diverse semantic image synthesis.")
    verbs = _Verbs(parser.add_subparsers(required=True, metavar="verb"))
    for module in modules:
        import_module(f"smis.cli.{module}").add(verbs)
    for verb, (module, _) in VERBS.items():
        if module not in modules:
            verbs.add_parser(verb)
    return parser


def _run(arguments: Sequence[str] | None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen, _ = VERBS.get(next((each for each in given if not each.startswith("-")), ""), (None, ""))
    parser = _parser(*([chosen] if chosen else []))
    try:
        options = parser.parse_args(given)
        options.run(options)
    finally:
        sys.stdout.flush()


class _Verbs:
    """What a module's `add` gets: each verb's help is that of the table."""

    def __init__(self, parsers: Any) -> None:
        self._parsers = parsers

    def add_parser(self, verb: str) -> Any:
        _, text = VERBS[verb]
        return self._parsers.add_parser(verb, help=text, description=text)


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
