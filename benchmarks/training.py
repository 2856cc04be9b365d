"""`python -m benchmarks.training`: one training step against the same step in the released form, as JSON.

Both forms have the released order (generator, then discriminator on a new image), the published networks and one label
map. Each has a process of its own, started as `pipelines.train` starts its workers, with the same threads and the same
setting of the allocator; they take steps in turns. The goals on two cores: GroupDNet DeepFashion >= 1.5 times,
GroupDNet ADE20K >= 3, INADE with 32 instances >= 2.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import torch

from benchmarks import straightforward
from benchmarks.clock import compare, machine
from benchmarks.layouts import figures, photographs, squares
from smis.bench.synthetic import build_synthetic, synthetic_batch
from smis.core.batch import Batch
from smis.core.process_settings import MALLOC_ENVIRONMENT
from smis.training.distributed import DistributedContext
from smis.training.loop import Trainer, TrainingConfig

CASES = ("groupdnet deepfashion", "groupdnet ade20k", "inade deepfashion_paper")
INSTANCES = 32


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training steps in two forms.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="a part of the rows' names")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="of ours")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--serve", nargs=2, metavar=("NAME", "FORM"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.serve:
        name, form = asked.serve
        serve(name, form, asked)
        return
    rows = []
    for name in CASES:
        if asked.only in name:
            rows.append({"what": name, "precision": asked.precision, **measure(name, asked)})
            print(json.dumps(rows[-1]), file=sys.stderr)
    print(json.dumps({"machine": machine(), "rows": rows}, indent=2))


def measure(name: str, asked: argparse.Namespace) -> dict[str, float]:
    """Time both forms, each in its process."""
    released, ours = (Server(name, form, asked) for form in ("released", "ours"))
    try:
        return compare({"released": released.step, "ours": ours.step}, repeats=asked.repeats)
    finally:
        released.end()
        ours.end()


class Server:
    """A process that takes a step for each line that it is sent."""

    def __init__(self, name: str, form: str, asked: argparse.Namespace) -> None:
        options = ["--threads", str(asked.threads), "--precision", asked.precision, "--device", asked.device]
        environment = {**os.environ, **MALLOC_ENVIRONMENT}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.training", "--serve", name, form, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def step(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("step\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline(), "the process ended"

    def end(self) -> None:
        self._process.communicate()


def serve(name: str, form: str, asked: argparse.Namespace) -> None:
    """Take a step for each line, and answer with a term."""
    system, preset = name.split()
    step = step_of(system, preset, asked.device, precision=asked.precision if form == "ours" else "float32")
    if form == "released":
        with straightforward.straightforward(), loops(step.system):
            answer(step)
    else:
        answer(step)


def answer(step: "Step") -> None:
    for _ in sys.stdin:
        print(step(), flush=True)


class Step:
    """One step of training when it is called; the generator's first term is fetched, so that a GPU has finished."""

    def __init__(self, system: Any, batch: Batch, *, precision: str, device: torch.device) -> None:
        self.system = system.to(device)
        config = TrainingConfig.model_validate({"batch": 1, "precision": precision})
        self._trainer = Trainer(self.system, config, DistributedContext(device=device))
        self._batch, self._numbers = batch.to(device), count(1)

    def __call__(self) -> float:
        terms = self._trainer.train_step(next(self._numbers), self._batch, seed=0)
        return next(iter(terms.values())).item()


def step_of(name: str, preset: str, device: str, *, precision: str) -> Step:
    more = {"slots": INSTANCES} if name == "inade" else {}
    system, data = build_synthetic(name, preset, training=True, **more)
    batch = synthetic_batch(data, batch=1)
    if name == "inade":
        ids = squares(8, size=256) % INSTANCES
        batch = replace(batch, labels=ids % len(data.classes), instances=ids)
    elif preset == "deepfashion":
        batch = replace(batch, labels=figures(1, size=256))
    else:
        labels = photographs(1, height=data.height, width=data.width, classes=len(data.classes))
        batch = replace(batch, labels=labels)
    return Step(system, batch, precision=precision, device=torch.device(device))


@contextmanager
def loops(system: Any) -> Iterator[None]:
    """Let GroupDNet cut its classes out one after the other."""
    if not hasattr(system, "crops"):
        yield
        return
    ours = system.crops
    system.crops = partial(straightforward.class_crops, classes=system.classes)
    try:
        yield
    finally:
        system.crops = ours


if __name__ == "__main__":
    main()
