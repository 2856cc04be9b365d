"""The start and end of every stage: errors of the user as one line, and a SIGTERM when the parent process dies."""

import ctypes
import inspect
import os
import signal
import sys
import warnings
from collections.abc import Callable

from smis.core.errors import ParamsError, SmisError

_PR_SET_PDEATHSIG = 1


def run(main: Callable[[], None]) -> None:
    """Run a stage: exit code 0 when done, 2 with one line for an error that the user can fix, else a traceback."""
    quiet()
    end_with_parent()
    try:
        main()
    except SmisError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def arguments(main: Callable[..., None]) -> list[str]:
    """Return the command line's arguments, one for each parameter of a stage's main function.

    Raises:
        ParamsError: if there are more or fewer, or options.
    """
    given, names = sys.argv[1:], list(inspect.signature(main).parameters)
    if len(given) != len(names) or any(argument.startswith("-") for argument in given):
        command = " ".join([f"python -m {main.__module__.removesuffix('.run')}", *map(str.upper, names)])
        raise ParamsError(f"the arguments are {given}; usage: {command}")
    return given


def quiet() -> None:
    """Suppress the messages of libraries."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    warnings.filterwarnings("ignore", category=FutureWarning)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")


def end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent dies: a killed `dvc` leaves no orphan that writes on (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
