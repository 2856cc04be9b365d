"""ChildProcesses and their trees, with real processes."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from flows.exceptions import StoppedError
from flows.processes import ChildProcesses, start, terminate
from tests.flows.workspaces import ROOT, wait_for

PARENT = """\
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", {worker!r}], start_new_session=True, stdout=subprocess.PIPE)
worker.stdout.read(1)
print(worker.pid, flush=True)
time.sleep(600)
"""
PLAIN = "import time; print(1, flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {PLAIN}"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lines_come_while_the_command_runs(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    code = "import pathlib, sys, time\nprint('a line', flush=True)\n"
    code += f"while not pathlib.Path({str(answer)!r}).exists(): time.sleep(0.01)\nraise SystemExit(7)"
    assert ChildProcesses().run(python(code), on_line=lambda line: answer.write_text(line)) == 7
    assert answer.read_text() == "a line"


@pytest.mark.parametrize("worker", [PLAIN, STUBBORN], ids=["plain", "stubborn"])
def test_the_end_reaches_grandchildren_that_lead_their_own_sessions(worker: str) -> None:
    with start(python(PARENT.format(worker=worker)), output=subprocess.PIPE) as parent:
        assert parent.stdout
        grandchild = psutil.Process(int(parent.stdout.readline()))
        assert os.getsid(grandchild.pid) == grandchild.pid
        terminate([parent.pid], grace_s=1)
        wait_for(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_children_that_are_ended_raise_and_let_none_start() -> None:
    children, seen, raised = ChildProcesses(), threading.Event(), []

    def work() -> None:
        try:
            children.run(python(PARENT.format(worker=PLAIN)), on_line=lambda line: seen.set())
        except StoppedError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert seen.wait(300)
    children.terminate()
    thread.join(300)
    assert len(raised) == 1
    with pytest.raises(StoppedError, match="was not started"):
        children.run(python("pass"), on_line=print)


def test_a_listener_that_fails_leaves_no_child() -> None:
    pids: list[int] = []

    def fail(line: str) -> None:
        pids.append(int(line))
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        ChildProcesses().run(python(PARENT.format(worker=PLAIN)), on_line=fail)
    wait_for(lambda: not psutil.pid_exists(pids[0]))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_a_child_does_not_survive_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from flows.processes import start; import time\n"
    code += f"print(start([sys.executable, '-c', {PLAIN!r}]).pid, flush=True); time.sleep(600)"
    with subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
