"""Child processes with live lines, and their whole trees' end.

torchrun's workers lead their own sessions, so that a signal to a process group misses them; and a `dvc` that is ended
leaves its stage running. So the descendants are collected first, then all are asked, and who stays is killed.
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

GRACE_S = 8.0
_PARENT_DEATH_SIGNAL = """
import ctypes, os, signal, sys
parent, *command = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
if os.getppid() != int(parent):  # it died before the call
    raise SystemExit(128 + signal.SIGTERM)
os.execvp(command[0], command)
"""


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
        """Run a command to its end, give each line of its output as it comes, return the exit code.

        Raises:
            StoppedError: if `terminate` was called meanwhile or before.
        """
        process = self._start(command, env, cwd)
        try:
            for line in process.stdout or ():
                on_line(line.rstrip())
        except BaseException:
            terminate([process.pid])
            raise
        finally:
            code = _leave(process)
            with self._lock:
                self._running.discard(process.pid)
        if self.stopped:
            raise StoppedError(f"{command[-1]} was ended with its flow")
        return code

    def terminate(self) -> None:
        """End every child with all its descendants, and let no other start."""
        terminate_all([self])

    def close(self) -> list[int]:
        """Let no other start; return those that run."""
        with self._lock:
            self.stopped = True
            return list(self._running)

    def _start(
        self, command: Sequence[str], env: Mapping[str, str] | None, cwd: Path | None
    ) -> "subprocess.Popen[str]":
        with self._lock:
            if self.stopped:
                raise StoppedError(f"{command[-1]} was not started: its flow ends")
            process = start(command, env=env, output=subprocess.PIPE, cwd=cwd)
            self._running.add(process.pid)
        return process


def exec_with_parent_death_signal(command: Sequence[str]) -> list[str]:
    """Wrap a command so that the kernel sends it SIGTERM when this process dies (Linux).

    A short script of its own, because Popen's `preexec_fn` is unsafe in a process with threads.
    """
    return [sys.executable, "-IS", "-c", _PARENT_DEATH_SIGNAL, str(os.getpid()), *command]


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    output: int | IO[str] | None = None,
    cwd: Path | None = None,
) -> "subprocess.Popen[str]":
    """Start a command that dies with this thread, out of the terminal's reach: Ctrl-C comes to us, and we end it."""
    return subprocess.Popen(
        exec_with_parent_death_signal(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=True,
        text=True,
        errors="replace",
    )


def terminate_all(every: Iterable[ChildProcesses]) -> None:
    """End the children of many: all are asked before any is waited for."""
    terminate([pid for children in list(every) for pid in children.close()])


def terminate(pids: Iterable[int], *, grace_s: float = GRACE_S) -> None:
    """End these processes and all their descendants: ask all, wait for `grace_s` seconds, kill who is left."""
    alive = _trees(_processes(pids))
    try:
        _signal(alive, psutil.Process.terminate)
        deadline = time.monotonic() + grace_s
        while alive and time.monotonic() < deadline:
            newcomers = _trees(alive) - alive
            _signal(newcomers, psutil.Process.terminate)
            alive |= newcomers
            alive = set(psutil.wait_procs(alive, timeout=0.1)[1])
    finally:  # also when a second Ctrl-C interrupts the waiting
        alive |= _trees(alive)
        _signal(alive, psutil.Process.kill)
    psutil.wait_procs(alive, timeout=2)


def _leave(process: "subprocess.Popen[str]") -> int:
    if process.stdout:
        process.stdout.close()
    return process.wait()


def _processes(pids: Iterable[int]) -> set[psutil.Process]:
    found = set()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.add(psutil.Process(pid))
    return found


def _trees(roots: Iterable[psutil.Process]) -> set[psutil.Process]:
    found = set(roots)
    for root in list(found):
        with suppress(psutil.NoSuchProcess):
            found.update(root.children(recursive=True))
    return found


def _signal(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], object]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            send(process)
