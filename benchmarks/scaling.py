"""`python -m benchmarks.scaling`: what data-parallel training communicates, and how much of it is hidden, as JSON.

`volumes` are counted from the networks of the published trainings: each step averages two flat float32 gradients, that
of generator and encoder and that of the discriminator. A ring moves 2 (n - 1) / n of them through each GPU. `projected`
divides by the bandwidths below, which are assumptions, and adds the latency of each bucket; `step_ms_for_5_percent` is
how long a step must take for communication to cost at most 5 % even if nothing of it were hidden.

`measured` trains a small GroupDNet in 1, 2 and 4 processes over gloo. Steps with and without communication take turns
in the same processes, and with the same reductions alone: what the first two differ by less than these was hidden.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from itertools import count
from types import SimpleNamespace
from typing import Any

import torch
from torch import distributed as dist

from benchmarks.clock import machine
from smis.bench.synthetic import build_synthetic, synthetic_batch
from smis.cli.systems import describe
from smis.models.system_registry import SYSTEMS
from smis.training import optimizer
from smis.training.distributed import distributed_context
from smis.training.loop import Trainer, TrainingConfig

PRESETS = ("deepfashion", "cityscapes", "ade20k", "coco_stuff")
BUCKET_BYTES = 25 << 20
LINKS = {
    "8 GPUs, NVLink": (8, 350e9, 30e-6),
    "64 GPUs, 400 Gb/s for 8": (64, 40e9, 150e-6),
    "64 GPUs, 100 Gb/s for 8": (64, 10e9, 300e-6),
}
"""Number of GPUs, NCCL's bus bandwidth in bytes a second, and seconds of latency for each bucket: assumed."""
SHARE = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description="Count and time the communication of training.")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--repeats", type=int, default=8, help="pairs of steps")
    parser.add_argument("--width", type=int, default=48, help="of the GroupDNet that is timed")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(asked.repeats, asked.width)
        return
    rows = [row for name in sorted(SYSTEMS) for preset in PRESETS if (row := volume(name, preset)) is not None]
    measured = [start(processes, asked.repeats, asked.width) for processes in asked.processes]
    print(json.dumps({"machine": machine(), "volumes": rows, "links": LINKS, "measured": measured}, indent=2))


def volume(name: str, preset: str) -> dict[str, Any] | None:
    """Count what a step of a published training averages; None if there is no such training."""
    config = SYSTEMS.load(name)
    if preset not in config.recipes:
        return None
    parameters = describe(name, preset)["parameters"]
    generator, discriminator = parameters["generator"] + parameters["encoder"], parameters["discriminator"]
    gradients = [4 * generator, 4 * discriminator]
    buckets = sum(-(-each // BUCKET_BYTES) for each in gradients)
    projected = {
        link: round((2 * (gpus - 1) / gpus * sum(gradients) / bandwidth + buckets * latency) * 1000, 2)
        for link, (gpus, bandwidth, latency) in LINKS.items()
    }
    return {
        "system": name,
        "preset": preset,
        "generator_megabytes": round(gradients[0] / 1e6, 1),
        "discriminator_megabytes": round(gradients[1] / 1e6, 1),
        "buckets": buckets,
        "projected_ms": projected,
        "step_ms_for_5_percent": {link: round(each / SHARE) for link, each in projected.items()},
    }


def start(processes: int, repeats: int, width: int) -> dict[str, Any]:
    """Measure in so many processes of one thread."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "benchmarks.scaling", "--worker", "--repeats", str(repeats), "--width", str(width)]
    own = {"OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "SMIS_DEVICE": "cpu"}
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def work(repeats: int, width: int) -> None:
    """Take steps with and without communication in turns; print what they took."""
    with distributed_context("cpu") as distributed:
        shares = distributed.world_size
        system, data = build_synthetic("groupdnet", "paperdoll", training=True, width=width, encoder_width=2 * width)
        trainer = Trainer(system, TrainingConfig.model_validate({"batch": 2 * shares}), distributed)
        batch = synthetic_batch(data, batch=2, shares=shares)
        numbers = count(1)
        gradients = [
            [p.numel() for p in n.parameters()] for n in (system.generator, system.encoder, system.discriminator)
        ]
        megabytes = sum(map(sum, gradients)) * 4 / 1e6
        silent: Any = SimpleNamespace(all_reduce=lambda *_, **__: None)
        times: dict[str, list[float]] = {"with": [], "without": [], "alone": []}
        trainer.train_step(next(numbers), batch, seed=0)
        flat = torch.zeros(round(megabytes * 1e6 / 4))
        for _ in range(repeats):
            for way in times:
                if shares > 1:
                    dist.barrier()
                optimizer.dist = silent if way == "without" else dist
                began = time.perf_counter()
                if way == "alone":
                    for piece in flat.split(BUCKET_BYTES // 4):
                        distributed.all_reduce_mean_(piece)
                else:
                    trainer.train_step(next(numbers), batch, seed=0)
                times[way].append(time.perf_counter() - began)
        optimizer.dist = dist
        found = {f"{way}_s": round(statistics.median(taken), 4) for way, taken in times.items()}
        if distributed.is_main:
            print(json.dumps({"processes": shares, "megabytes": round(megabytes, 1), **found}))


if __name__ == "__main__":
    main()
