"""What a system costs: its parameters, its operations, its memory, and its images per second."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

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


def flops(run: Callable[[], object], *, batch: int) -> Result:
    """Count the operations of matrix products and convolutions in `run`, for one image of its `batch`.

    A multiplication and an addition are two, as torch counts; papers that give MACs give half.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    count = counter.get_total_flops() / batch
    protocol = {"batch": batch, "counted": "matrix products and convolutions, a multiply-add as 2", "interval": "exact"}
    return Result("flops", count, (count, count), protocol)


def peak_memory(run: Callable[[], object], *, batch: int, device: torch.device) -> Result:
    """Return the most bytes that were in use while `run` ran, weights and all.

    On a GPU those that torch had allocated; on a CPU the process's resident set, so that only a process of its own
    gives a value that another can be compared with.
    """
    _forget_peak(device)
    run()
    _wait(device)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _resident_peak()
    what = "allocated by torch" if device.type == "cuda" else "resident set of the process"
    protocol = {"batch": batch, "device": device_name(device), "counted": what, "interval": "exact"}
    return Result("peak_memory", peak, (peak, peak), protocol)


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):  # where the system cannot forget, the peak is the process's so far
        Path("/proc/self/clear_refs").write_text("5")


def _resident_peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(fields["VmHWM"].split()[0]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


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
