"""`python kills.py FOLDER STEPS KILLS`: train the toy in a child, kill -9 it at random moments, repeat, let it finish.

That in FOLDER/killed; in FOLDER/whole another child is left alone. Every second kill waits until a state is being
written. Prints how many kills came before the child's end, and how many left a half-written state behind. Children are
forks of this process, which has imported everything: a start takes milliseconds.
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


def await_step(folder: Path, step: int) -> None:
    """Wait by progress, not by the clock, so that a fast and a slow machine see as many kills."""
    while newest(folder) < step:
        time.sleep(0.001)


def writes(folder: Path, child: int) -> bool:
    return any((folder / "states").glob(f".step-*.{child}.part"))


def await_writing(folder: Path, child: int) -> None:
    while not writes(folder, child):
        pass  # it lasts for milliseconds


def newest(folder: Path) -> int:
    names = [path.stem for path in (folder / "states").glob("step-*.pt")]
    return max((int(name.removeprefix("step-")) for name in names), default=0)


def main(folder: Path, steps: int, kills: int) -> None:
    toy.trainer_of(toy.config_of(steps))  # the first optimizer of a process imports half of torch
    moments = random.Random(0)
    victim = folder / "killed"
    killed = half = 0
    for kill in range(1, kills + 1):
        child = started(victim, steps)
        await_step(victim, kill * steps // (kills + 1))
        time.sleep(moments.uniform(0, 0.01))
        if kill % 2:
            await_writing(victim, child)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
        half += writes(victim, child)
    for kind in ("killed", "whole"):
        _, status = os.waitpid(started(folder / kind, steps), 0)
        assert status == 0, kind
    print(killed, half)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
