"""Images per second of a system that draws, and of its encoder."""

from typing import Any, Literal

import numpy as np
import torch

from smis.bench.synthetic import build_synthetic, synthetic_batch
from smis.core.errors import ParamsError
from smis.core.seeding import Noise, generator
from smis.metrics import cost
from smis.metrics.image.result import interval
from smis.training.acceleration import Precision, autocast

_WARM_UP = 3


def measure_inference(
    what: Literal["sample", "encode"],
    system: str,
    preset: str,
    *,
    batch: int,
    precision: Precision,
    device: torch.device,
    repeats: int,
) -> dict[str, Any]:
    """Time from what is given on the device to images of codes drawn anew, or to the codes of images.

    Raises:
        ParamsError: if codes are asked of a system without encoder.
    """
    network, data = build_synthetic(system, preset, training=False)
    if what == "encode" and network.encoder is None:
        raise ParamsError(f"{system} has no encoder; ask for `sample`")
    network.to(device).eval()
    given, noise = synthetic_batch(data, batch=batch).to(device), Noise(generator(0, "bench draws"))
    maps = given.labels, given.instances

    def infer() -> object:
        if what == "encode":
            return network.encode(given.image, *maps, None)
        return network.synthesize(*maps, network.sample(*maps, noise))

    run = torch.inference_mode()(autocast(infer, precision=precision, device=device))
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
