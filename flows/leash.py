"""Become another command that the kernel ends when the process that started it dies (Linux).

Usage: python leash.py PARENT_PID COMMAND [ARGUMENT...]. A script, so that the parent needs no `preexec_fn`, which is
unsafe where there are threads. It imports nothing of ours: it runs before every child, in milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: str, *command: str) -> None:
    """Ask for a SIGTERM at the parent's death, then run the command in this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before we asked
        raise SystemExit(128 + signal.SIGTERM)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
