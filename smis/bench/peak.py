"""What a product of matrices reaches here: the measure of how well anything else uses the device."""

import statistics
import time

import torch

from smis.training.acceleration import DTYPES, Precision

_SIDE = {"cpu": 2048, "cuda": 8192}


def peak(device: torch.device, precision: Precision, *, repeats: int = 5) -> float:
    """Return floating-point operations per second of a large square product, the median of warm runs."""
    side = _SIDE.get(device.type, 2048)
    a, b = (torch.randn(side, side, device=device).to(DTYPES[precision]) for _ in range(2))
    taken = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return 2 * side**3 / statistics.median(taken[1:])
