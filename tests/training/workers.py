"""`python workers.py FOLDER STEPS`: two workers train the toy in three ways, and print what became of them.

FOLDER/whole: they are left alone. FOLDER/asked: again and again, one of them is asked to end; prints their exit codes
and the step of the newest state. FOLDER/killed: torch's elastic agent starts them, each is killed -9 once; prints how
many kills hit. Workers are forks of this process, which has imported everything: a start takes milliseconds.
"""

import os
import random
import signal
import socket
import sys
import time
from pathlib import Path

import psutil
import toy
from kills import await_step, newest
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

WORLD, REQUESTS, NEVER = 2, 4, 1000
MOMENTS = random.Random(0)


def started(folder: Path, steps: int) -> list[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), WORLD_SIZE=str(WORLD))
    return [_forked(rank, folder, steps) for rank in range(WORLD)]


def _forked(rank: int, folder: Path, steps: int) -> int:
    child = os.fork()
    if child:
        return child
    os.environ["RANK"] = str(rank)
    code = 1
    try:
        toy.main(folder, steps, NEVER)
        code = 0
    except SystemExit as end:
        code = end.code
    finally:
        os._exit(code if isinstance(code, int) else 1)


def ended(workers: list[int], folder: Path) -> None:
    print(*(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers), newest(folder))


def asked(folder: Path, steps: int) -> None:
    """Send SIGTERM to one worker alone, at random moments, as no state would be saved without it."""
    for request in range(1, REQUESTS + 1):
        workers = started(folder, steps)
        await_line(folder, request * steps // (REQUESTS + 1))
        time.sleep(MOMENTS.uniform(0, 0.01))
        os.kill(workers[request % WORLD], signal.SIGTERM)
        ended(workers, folder)
    ended(started(folder, steps), folder)


def await_line(folder: Path, lines: int) -> None:
    """Wait until the first worker has logged so many steps in all."""
    path = folder / "history.jsonl"
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        time.sleep(0.001)


def killed(folder: Path, steps: int) -> None:
    killer = os.fork()
    if killer == 0:
        os._exit(_kill_each(folder, steps))
    agent = LaunchConfig(1, 1, WORLD, run_id="toy", rdzv_backend="c10d", rdzv_endpoint="localhost:0")
    agent.max_restarts, agent.start_method = WORLD, "fork"
    elastic_launch(agent, toy.main)(folder, steps)
    print(os.waitstatus_to_exitcode(os.waitpid(killer, 0)[1]))


def _kill_each(folder: Path, steps: int) -> int:
    hits = 0
    for rank in range(WORLD):
        await_step(folder, (rank + 1) * steps // (WORLD + 1))
        time.sleep(MOMENTS.uniform(0, 0.01))
        workers = sorted({child.pid for child in psutil.Process(os.getppid()).children()} - {os.getpid()})
        if len(workers) == WORLD:
            os.kill(workers[-1 - rank], signal.SIGKILL)  # first the one that writes nothing, then the one that does
            hits += 1
    return hits


def main(folder: Path, steps: int) -> None:
    toy.trainer_of(toy.config_of(steps))  # the first optimizer of a process imports half of torch
    ended(started(folder / "whole", steps), folder / "whole")
    asked(folder / "asked", steps)
    killed(folder / "killed", steps)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
