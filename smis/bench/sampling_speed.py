"""Images per second of a system that draws, and of its encoder."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from smis.bench.synthetic import build_synthetic, synthetic_batch
from smis.core.errors import ParamsError
from smis.core.seeding import Noise, generator
from smis.metrics import cost
from smis.metrics.image.result import interval
from smis.training.acceleration import Precision, autocast

_WARM_UP = 3


def measure_sampling(
    system: str, preset: str, *, batch: int, precision: Precision, device: torch.device, repeats: int
) -> Any:
    """Time from label maps on the device to images on the device, codes drawn anew."""
    network, data = build_synthetic(system, preset, training=False)
    network.to(device).eval()
    given, noise = synthetic_batch(data, batch=batch).to(device), Noise(generator(0, "bench draws"))

    def synthesize() -> object:
        return network.synthesize(given.labels, given.instances, network.sample(given.labels, given.instances, noise))

    return _measured(synthesize, batch=batch, precision=precision, device=device, repeats=repeats)


def measure_encoding(
    system: str, preset: str, *, batch: int, precision: Precision, device: torch.device, repeats: int
) -> Any:
    """Time from images and label maps on the device to codes.

    Raises:
        ParamsError: if the system has no encoder.
    """
    network, data = build_synthetic(system, preset, training=False)
    if network.encoder is None:
        raise ParamsError(f"{system} has no encoder; ask for `sample`")
    network.to(device).eval()
    given = synthetic_batch(data, batch=batch).to(device)

    def codes() -> object:
        return network.encode(given.image, given.labels, given.instances, None)

    return _measured(codes, batch=batch, precision=precision, device=device, repeats=repeats)


def _measured(
    run: Callable[[], object], *, batch: int, precision: Precision, device: torch.device, repeats: int
) -> dict[str, Any]:
    run = torch.inference_mode()(autocast(run, precision=precision, device=device))
    for _ in range(_WARM_UP):
        run()
    rates = batch / np.array([cost.seconds(run, device=device) for _ in range(repeats)])
    chosen = np.random.default_rng(0).integers(repeats, size=(1000, repeats))
    return {
        "images_per_second": float(np.median(rates)),
        "interval": list(interval(np.median(rates[chosen], axis=1))),
        "flops_per_image": cost.flops(run) / batch,
        "peak_memory_bytes": cost.peak_memory(run, device=device),
    }
