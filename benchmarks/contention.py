"""`python -m benchmarks.contention`: training steps beside busy processes, by how OpenMP threads wait, as JSON.

The runtime's own setting, and ours (`smis.core.process_settings`), each in a process of its own that takes steps of
INADE (preset `paperdoll`) in turns, beside 0, 1 and 2 processes that compute without end. The goals: at most 5 % lost
where nothing else runs, and within 1.2 times the fair share of the cores elsewhere. `LD_PRELOAD=libiomp5.so` measures
another runtime. A step of more than `--limit` seconds ends its row, and counts as that many.
"""

import argparse
import json
import os
import selectors
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from benchmarks.clock import machine
from smis.core.process_settings import MALLOC_ENVIRONMENT, SPINNING_ENVIRONMENT

BUSY = (0, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training steps beside busy processes.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=float, default=30, metavar="SECONDS", help="of one step")
    parser.add_argument("--busy", type=int, nargs="+", default=BUSY, metavar="N", help="processes beside it")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.threads, asked.batch)
        return
    rows = []
    for busy in asked.busy:
        load = os.getloadavg()[0]
        with busy_processes(busy):
            rows.append({"busy": busy, "load_before": round(load, 1), **measure(asked)})
        print(json.dumps(rows[-1]), file=sys.stderr)
    print(json.dumps({"machine": machine() | {"threads": asked.threads}, "rows": rows}, indent=2))


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Compute without end in so many processes."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Take steps with both settings in turns."""
    settings = {"runtime": {}, "ours": SPINNING_ENVIRONMENT}
    seconds: dict[str, list[float]] = {name: [] for name in settings}
    with steppers(settings, asked) as found:
        for _ in range(asked.repeats):
            for name, stepper in found.items():
                if asked.limit not in seconds[name]:
                    seconds[name].append(stepper.step(asked.limit))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    spreads = {f"{name}_spread": [round(edge(taken), 3) for edge in (min, max)] for name, taken in seconds.items()}
    rounded = {f"{name}_s": round(median, 3) for name, median in medians.items()}
    return rounded | spreads | {"ratio": round(medians["runtime"] / medians["ours"], 2)}


@contextmanager
def steppers(settings: Mapping[str, Mapping[str, str]], asked: argparse.Namespace) -> Iterator[dict[str, "Stepper"]]:
    """Start a process for each setting."""
    found = {name: Stepper(setting, asked) for name, setting in settings.items()}
    try:
        yield found
    finally:
        for stepper in found.values():
            stepper.end()


class Stepper:
    """A process that takes a step for each line that it is sent; all have the same threads and allocator."""

    def __init__(self, setting: Mapping[str, str], asked: argparse.Namespace) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in SPINNING_ENVIRONMENT}
        options = ["--serve", "--threads", str(asked.threads), "--batch", str(asked.batch)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.contention", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**inherited, **MALLOC_ENVIRONMENT, **setting, "OMP_NUM_THREADS": str(asked.threads)},
        )  # fmt: skip
        self._answers()

    def step(self, limit: float) -> float:
        """Return the seconds of a step, or the limit if it takes longer; then the process is ended."""
        assert self._process.stdin is not None
        start = time.perf_counter()
        with suppress(BrokenPipeError):
            self._process.stdin.write("step\n")
            self._process.stdin.flush()
        if self._answers(limit):
            return time.perf_counter() - start
        self._process.kill()
        return limit

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answers(self, limit: float | None = None) -> bool:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return bool(selector.select(limit)) and bool(self._process.stdout.readline())


def serve(threads: int, batch: int) -> None:
    """Say that the system is built, then take a step for each line."""
    import torch

    from smis.bench.synthetic import build_synthetic, synthetic_batch
    from smis.training.distributed import DistributedContext
    from smis.training.loop import Trainer, TrainingConfig

    torch.set_num_threads(threads)
    system, data = build_synthetic("inade", "paperdoll", training=True)
    device = torch.device("cpu")
    trainer = Trainer(system, TrainingConfig.model_validate({"batch": batch}), DistributedContext(device=device))
    step = synthetic_batch(data, batch=batch)
    print("built", flush=True)
    for number, _ in enumerate(sys.stdin, 1):
        trainer.train_step(number, step, seed=0)
        print(number, flush=True)


if __name__ == "__main__":
    main()
