"""What a system costs: its parameters, and its images per second."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from smis.metrics.result import Bootstrap, Result, interval

_WARM_UP = 3


def parameters(*modules: nn.Module | None) -> int:
    """Count the learned numbers; a network that a system does not have counts nothing."""
    return sum(parameter.numel() for module in modules if module is not None for parameter in module.parameters())


def parameter_counts(generator: nn.Module, encoder: nn.Module | None) -> tuple[Result, Result]:
    """Return `parameters_g` (the generator's, as INADE counts) and `parameters_ge` (and the encoder's, as SMIS)."""
    counts = {"parameters_g": parameters(generator), "parameters_ge": parameters(generator, encoder)}
    alone, both = (Result(name, count, (count, count), {"interval": "exact"}) for name, count in counts.items())
    return alone, both


def images_per_second(
    synthesise: Callable[[], object], *, batch: int, device: torch.device, repeats: int, bootstrap: Bootstrap
) -> Result:
    """Time `synthesise`, from a label map on the device to an image on the device; median of warm runs."""
    times = _times(synthesise, device=device, repeats=repeats)
    chosen = np.random.default_rng(bootstrap.seed).integers(repeats, size=(bootstrap.resamples, repeats))
    low, high = interval(batch / np.median(times[chosen], axis=1))
    protocol: dict[str, Any] = {"batch": batch, "repeats": repeats, "statistic": "median of warm runs"}
    protocol |= {"device": device_name(device), "interval": "95 % bootstrap over runs"}
    return Result("images_per_second", batch / float(np.median(times)), (low, high), protocol)


def device_name(device: torch.device) -> str:
    """Name the machine's part that computes."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _times(run: Callable[[], object], *, device: torch.device, repeats: int) -> np.ndarray:
    seconds = []
    for _ in range(_WARM_UP + repeats):
        _wait(device)
        started = time.perf_counter()
        run()
        _wait(device)
        seconds.append(time.perf_counter() - started)
    return np.array(seconds[_WARM_UP:])


def _wait(device: torch.device) -> None:
    """A GPU answers before it has computed."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
