"""What a trained system costs: its parameters, operations, memory, and images per second."""

from typing import Any

import torch
from torch import Tensor

from pipelines.evaluate.config import EvaluateConfig
from smis.core.seeding import Noise, generator
from smis.data.shards import Split
from smis.metrics.cost import Cost
from smis.metrics.image.result import Bootstrap, Result


def measure(
    system: Any, split: Split, config: EvaluateConfig, *, device: torch.device, seed: int
) -> tuple[Result, ...]:
    """Measure from label maps on the device to images on the device, codes drawn anew each time.

    It comes before the networks that measure are loaded: on a CPU, memory is that of the process.
    """
    system = system.to(device)
    spent = Cost(system.generator, system.encoder, batch=config.timed_batch, device=device)
    noise = Noise(generator(seed, "speed"))
    for run in range(config.timed_runs):
        numbers = [(run * config.timed_batch + place) % len(split) for place in range(config.timed_batch)]
        batch = split.batch(numbers).to(device)

        @torch.inference_mode()
        def synthesize(batch: Any = batch) -> Tensor:
            style = system.sample(batch.labels, batch.instances, noise)
            return system.synthesize(batch.labels, batch.instances, style)

        spent.update(batch.keys, synthesize)
    return spent.compute(Bootstrap(config.resamples, seed))
