"""What every stage does at its ends: one line for what a person can fix, and no life after its parent's."""

import ctypes
import os
import signal
import sys
import warnings
from collections.abc import Callable

from smis.core.errors import SmisError

_PR_SET_PDEATHSIG = 1


def run(main: Callable[[], None]) -> None:
    """Run a stage: exit 0 when done, 2 with one line where a person can help, a traceback where only we can."""
    quiet()
    end_with_parent()
    try:
        main()
    except SmisError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def quiet() -> None:
    """Keep libraries' chatter out of a person's terminal; ours is what remains."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    warnings.filterwarnings("ignore", category=FutureWarning)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")


def end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent dies: a killed `dvc` leaves no orphan that writes on (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
