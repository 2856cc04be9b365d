"""Small DVC workspaces whose stages take no time, and the processes that tests start in them."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.servers import free_port

ROOT = Path(__file__).parents[2]

DVC = """\
stages:
  prepare:
    matrix: {dataset: "${axes.dataset}"}
    cmd: exec python tool.py prepare ${item.dataset} data/${item.dataset}
    deps: [tool.py]
    outs: ["data/${item.dataset}"]
  train:
    matrix: {dataset: "${axes.dataset}", system: "${axes.system}"}
    cmd: exec python tool.py train ${item.system} runs/${item.dataset}/${item.system}/model
    params: ["systems.${item.system}"]
    deps: ["data/${item.dataset}"]
    outs: ["runs/${item.dataset}/${item.system}/model"]
  report:
    cmd: exec python tool.py report all report
    deps: [runs]
    outs: [report]
"""

PARAMS = """\
axes: {dataset: [doll], system: [one-by-one, two]}
systems: {one-by-one: works, two: works}
"""

TOOL = """\
import subprocess, sys, time
from pathlib import Path

stage, what, out = sys.argv[1:]
print(f"{stage} {what} says hello", flush=True)
how = Path("params.yaml").read_text()
if stage == "train" and f"{what}: fails" in how:
    print("error: it cannot be;\\n  use another", file=sys.stderr)
    raise SystemExit(2)
if stage == "train" and f"{what}: hangs" in how:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    workers = [subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True) for _ in range(2)]
    Path(f".{what}.pids").write_text(" ".join(str(worker.pid) for worker in workers))
    Path(f".{what}.pids").rename(f"{what}.pids")
    time.sleep(600)
Path(out).parent.mkdir(parents=True, exist_ok=True)
if stage == "report":
    Path(out).mkdir()
    Path(out, "report.md").write_text("| system | mOCD |\\n|---|---|\\n| two | 0.1 |\\n\\n![x](comparison.png)\\n")
    Path(out, "comparison.png").write_bytes(b"\\x89PNG")
else:
    Path(out).write_text(what)
"""


class Workspace:
    """A DVC project without git: one data set, two systems, a report."""

    files = {"dvc.yaml": DVC, "params.yaml": PARAMS, "tool.py": TOOL}

    def __init__(self, path: Path, *, home: Path) -> None:
        self.path = path
        path.mkdir(exist_ok=True)
        for name, text in self.files.items():
            (path / name).write_text(text)
        (path / ".dvc").mkdir()
        (path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
        others = ("PREFECT", "MLFLOW", "SMIS", "SHELL")  # without SHELL, dvc takes /bin/sh, which exec's nothing itself
        mine = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        ports = {f"SMIS_{name}_PORT": str(free_port()) for name in ("PREFECT", "MLFLOW", "WORKER")}
        self.env: dict[str, str] = mine | ports | {"PREFECT_HOME": str(home), "PYTHONPATH": str(ROOT)}
        self._started: list[subprocess.Popen[str]] = []

    def run(self, *module: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """Run a module here to its end."""
        command = [sys.executable, "-m", *module]
        return subprocess.run(
            command, cwd=self.path, env=self.env | env, capture_output=True, text=True, timeout=600, check=False
        )

    def start(self, *module: str, **env: str) -> "subprocess.Popen[str]":
        """Start a module here, with its lines in `output()`."""
        command = [sys.executable, "-m", *module]
        with (self.path / "output").open("w") as out:
            process = subprocess.Popen(command, cwd=self.path, env=self.env | env, stdout=out, stderr=out, text=True)
        self._started.append(process)
        return process

    def output(self) -> str:
        return (self.path / "output").read_text()

    def set(self, **systems: str) -> None:
        """Say in params.yaml what a system does: works, fails, hangs."""
        values = {"one_by_one": "works", "two": "works"} | systems
        sections = ", ".join(f"{name.replace('_', '-')}: {value}" for name, value in values.items())
        (self.path / "params.yaml").write_text(f"{PARAMS.splitlines()[0]}\nsystems: {{{sections}}}\n")

    def hanging(self, system: str) -> list[psutil.Process]:
        """Wait until a system hangs, return the workers that lead their own sessions."""
        pids = self.path / f"{system}.pids"
        wait_for(pids.exists)
        return [psutil.Process(int(pid)) for pid in pids.read_text().split()]

    def end(self) -> None:
        """Leave nothing behind, even if the test has failed."""
        for process in self._started:
            end(process)


def end(process: "subprocess.Popen[str]") -> None:
    """End a process and what is below it."""
    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(process.pid).children(recursive=True)
        process.terminate()  # what was started in the background of a shell hears no SIGINT
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
        for left in below:
            with suppress(psutil.NoSuchProcess):
                left.kill()
    process.kill()
    process.wait()


def answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(address, timeout=2) as answer:
        return answer.status == 200
    return False


def wait_for(happened: Callable[[], object], *, timeout_s: float = 300.0) -> None:
    """Wait for a state; the limit only ends a test that would hang."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, f"nothing happened in {timeout_s} s"
        time.sleep(0.1)
