"""Child processes: their output line by line, and the end of their whole trees.

torchrun's workers lead sessions of their own, so a signal to a process group misses them; and a terminated `dvc` leaves
its stage running. So all descendants are collected, then terminated, and killed after a grace period.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from flows.exceptions import StoppedError

GRACE_VARIABLE = "SMIS_GRACE_S"
GRACE_S = float(os.environ.get(GRACE_VARIABLE, "8"))
"""Seconds from SIGTERM to SIGKILL. Jobs of Slurm, which set the variable, give a training the time to save."""
_PARENT_DEATH_SIGNAL = """
import ctypes, os, signal, sys
parent, *command = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
if os.getppid() != int(parent):  # it died before the call
    raise SystemExit(128 + signal.SIGTERM)
os.execvp(command[0], command)
"""
"""A script of its own, because Popen's `preexec_fn` is unsafe in a process with threads."""


class ChildProcesses:
    """The child processes of one flow; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self.stopped = False

    def run(
        self,
        command: Sequence[str],
        *,
        on_line: Callable[[str], object],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> int:
        """Run a command to its end, pass on each line of its output at once, return the exit code.

        Raises:
            StoppedError: if `terminate` was called meanwhile or before.
        """
        with self._lock:
            if self.stopped:
                raise StoppedError(f"{command[-1]} was not started: its flow stops")
            process = start(command, env=env, output=subprocess.PIPE, cwd=cwd)
            self._running.add(process.pid)
        try:
            for line in process.stdout or ():
                on_line(line.rstrip())
        except BaseException:
            terminate([process.pid])
            raise
        finally:
            if process.stdout:
                process.stdout.close()
            process.wait()
            with self._lock:
                self._running.discard(process.pid)
        if self.stopped:
            raise StoppedError(f"{command[-1]} was terminated with its flow")
        return process.returncode

    def terminate(self, *others: "ChildProcesses") -> None:
        """Terminate every child, and those of others, with all descendants and one grace period; let no other start."""
        pids: list[int] = []
        for children in (self, *others):
            with children._lock:
                children.stopped = True
                pids += children._running
        terminate(pids)


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    output: int | IO[str] | None = None,
    cwd: Path | None = None,
) -> "subprocess.Popen[str]":
    """Start a command in a session of its own, where Ctrl-C does not reach it.

    The kernel sends it SIGTERM when the calling thread dies (Linux).
    """
    return subprocess.Popen(
        [sys.executable, "-IS", "-c", _PARENT_DEATH_SIGNAL, str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        start_new_session=True,
        text=True,
        errors="replace",
    )


def terminate(pids: Iterable[int], *, grace_s: float = GRACE_S) -> None:
    """Terminate these processes and all their descendants; kill those that still run after `grace_s` seconds."""
    alive, terminated = set[psutil.Process](), set[psutil.Process]()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            alive.add(psutil.Process(pid))
    deadline = time.monotonic() + grace_s
    try:
        while alive and time.monotonic() < deadline:
            alive = _with_descendants(alive)
            _signal(alive - terminated, psutil.Process.terminate)
            terminated |= alive
            alive = set(psutil.wait_procs(alive, timeout=0.1)[1])
    finally:  # also when a second Ctrl-C interrupts the waiting
        alive = _with_descendants(alive)
        _signal(alive, psutil.Process.kill)
    psutil.wait_procs(alive, timeout=2)


def _with_descendants(roots: Iterable[psutil.Process]) -> set[psutil.Process]:
    processes = set(roots)
    for root in list(processes):
        with suppress(psutil.NoSuchProcess):
            processes.update(root.children(recursive=True))
    return processes


def _signal(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], object]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            send(process)
