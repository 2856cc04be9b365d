"""What a trained system costs: its parameters, operations, memory, and images per second."""

from typing import Any

import torch
from torch import Tensor

from pipelines.evaluate.config import EvaluateConfig
from smis.core.seeding import Noise, generator
from smis.data.shards import Split
from smis.metrics import cost
from smis.metrics.result import Bootstrap, Result


def measure(system: Any, split: Split, config: EvaluateConfig, *, device: torch.device, seed: int) -> list[Result]:
    """Measure from label maps on the device to images on the device, codes drawn anew each time.

    It comes before the networks that measure are loaded: on a CPU, memory is that of the process.
    """
    system, size, bootstrap = system.to(device), config.timed_batch, Bootstrap(config.resamples, seed)
    batch = split.batch([0] * size).to(device)
    noise = Noise(generator(seed, "speed"))

    @torch.inference_mode()
    def synthesise() -> Tensor:
        style = system.draw(batch.labels, batch.instances, noise)
        return system.synthesise(batch.labels, batch.instances, style)

    speed = cost.images_per_second(
        synthesise, batch=size, device=device, repeats=config.timed_runs, bootstrap=bootstrap
    )
    memory = cost.peak_memory(synthesise, batch=size, device=device)
    counts = cost.parameter_counts(system.generator, system.encoder)
    return [speed, *counts, cost.flops(synthesise, batch=size), memory]
