"""The start and end of every stage: errors of the user as one line, and a SIGTERM when the parent process dies."""

import ctypes
import inspect
import re
import signal
import sys
import warnings
from collections.abc import Callable

from smis.core.errors import ParamsError, SmisError
from smis.core.messages import report

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
"""One part of a path, and no option; flows have the same rule."""
_PR_SET_PDEATHSIG = 1


def run(main: Callable[..., None]) -> None:
    """Run a stage with its arguments: exit code 2 and one line for an error that the user can fix, else a traceback."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    end_with_parent()
    try:
        main(*arguments(main))
    except SmisError as error:
        report(f"error: {error}")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def arguments(main: Callable[..., None]) -> list[str]:
    """Return the command line's arguments: one for each parameter without a default, or any number for `*arguments`.

    dvc.yaml gives them as `--dataset paperdoll --system inade`, a person may leave out the names of the parameters.

    Raises:
        ParamsError: if there are more or fewer, or options, or if one is no plain name.
    """
    given, parameters = sys.argv[1:], inspect.signature(main).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return given
    names = [parameter.name.upper() for parameter in parameters if parameter.default is parameter.empty]
    options = dict(zip(given[::2], given[1::2], strict=False))
    if names and len(given) == 2 * len(names) and options.keys() == {f"--{name.lower()}" for name in names}:
        given = [options[f"--{name.lower()}"] for name in names]
    if len(given) != len(names) or any(argument.startswith("-") for argument in given):
        spec = sys.modules["__main__"].__spec__ if main.__module__ == "__main__" else None
        module = spec.name if spec else main.__module__
        command = " ".join([f"python -m {module.removesuffix('.__main__').removesuffix('.run')}", *names])
        raise ParamsError(f"the arguments are {given}; usage: {command}")
    for argument in given:
        if not re.fullmatch(NAME, argument):
            raise ParamsError(
                f"{argument!r} is no name of a data set or system; it has letters, digits, _, . and - only"
            )
    return given


def end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent dies: a killed `dvc` leaves no orphan that writes on (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
