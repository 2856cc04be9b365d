"""`python -m benchmarks.training`: one training step against the same step in the released form, as JSON.

Both forms have the released order (generator, then discriminator on a new image), float32, the published networks and
one label map, and run in turns from the same weights. The goals on two cores: GroupDNet DeepFashion >= 1.5 times,
GroupDNet ADE20K >= 3, INADE with 32 instances >= 2.
"""

import argparse
import json
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
from smis.bench.built import built
from smis.bench.scene import scene
from smis.core.batch import Batch
from smis.engine.config import TrainingConfig
from smis.engine.distributed import Processes
from smis.engine.learner import Learner

CASES = ("groupdnet deepfashion", "groupdnet ade20k", "inade deepfashion_paper")
INSTANCES = 32


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training steps in two forms.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="a part of the rows' names")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="of ours")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    rows = []
    for name in CASES:
        if asked.only in name:
            system, preset = name.split()
            rows.append({"what": name, "precision": asked.precision, **measure(system, preset, asked)})
            print(json.dumps(rows[-1]), file=sys.stderr)
    print(json.dumps({"machine": machine(), "rows": rows}, indent=2))


def measure(name: str, preset: str, asked: argparse.Namespace) -> dict[str, float]:
    """Time both forms; a learner of each form takes steps of its own, on the same label map."""
    ways = {
        "released": step_of(name, preset, asked.device, precision="float32"),
        "ours": step_of(name, preset, asked.device, precision=asked.precision),
    }

    def released() -> float:
        with straightforward.straightforward(), loops(ways["released"].system):
            return ways["released"]()

    return compare({"released": released, "ours": ways["ours"]}, repeats=asked.repeats)


class Step:
    """One step of training when it is called; the generator's first term is fetched, so that a GPU has finished."""

    def __init__(self, system: Any, batch: Batch, *, precision: str, device: torch.device) -> None:
        self.system = system.to(device)
        config = TrainingConfig.model_validate({"batch": 1, "precision": precision})
        self._learner = Learner(self.system, config, Processes(device=device))
        self._batch, self._numbers = batch.to(device), count(1)

    def __call__(self) -> float:
        terms = self._learner.take(next(self._numbers), self._batch, seed=0)
        return next(iter(terms.values())).item()


def step_of(name: str, preset: str, device: str, *, precision: str) -> Step:
    system, data = built(name, preset, training=True)
    batch = scene(data, batch=1)
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
