"""`python kills.py FOLDER STEPS KILLS`: train the toy in a child, kill -9 it at random moments, repeat, let it finish.

Children are forks of this process, which has imported everything: a start takes milliseconds.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import toy


def started(folder: Path, steps: int) -> int:
    child = os.fork()
    if child == 0:
        toy.main(folder, steps)
        os._exit(0)
    return child


def main(folder: Path, steps: int, kills: int) -> None:
    toy.learner_of(toy.config_of(steps))  # the first optimiser of a process imports half of torch
    moments = random.Random(0)
    killed = 0
    for _ in range(kills):
        child = started(folder, steps)
        time.sleep(moments.uniform(0.02, 0.4))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status) and (folder / "states").exists()
    _, status = os.waitpid(started(folder, steps), 0)
    print(killed, status)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
