"""Speed, memory and spectral norms: what is logged beside the loss terms."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.spectral_norm import SpectralNorm

_STATUS = Path("/proc/self/status")


class ThroughputMeter:
    """Measures time and images between two calls of `measure`.

    Args:
        step: The step that the run starts after.
        batch: Images per step, over all processes.
        device: The device whose memory is measured.

    Example:
        >>> meter = ThroughputMeter(0, batch=16, device=torch.device("cpu"))
        >>> with meter.waiting():
        ...     pass
        >>> sorted(meter.measure(1))
        ['data_wait_share', 'images_per_second', 'memory_mib']
    """

    def __init__(self, step: int, *, batch: int, device: torch.device) -> None:
        self._batch, self._device = batch, device
        self._step, self._waited, self._start = step, 0.0, time.monotonic()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time in this context as waiting for data."""
        start = time.monotonic()
        yield
        self._waited += time.monotonic() - start

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude the time in this context: it is not part of a step."""
        start = time.monotonic()
        yield
        self._start += time.monotonic() - start

    def measure(self, step: int) -> dict[str, float]:
        """Return images per second, the share of time spent waiting for data (0..1), and memory in MiB."""
        now = time.monotonic()
        seconds = max(now - self._start, 1e-9)
        metrics = {
            "images_per_second": round((step - self._step) * self._batch / seconds, 2),
            "data_wait_share": round(self._waited / seconds, 4),
            "memory_mib": round(memory_bytes(self._device) / 2**20),
        }
        self._step, self._waited, self._start = step, 0.0, now
        return metrics


def memory_bytes(device: torch.device) -> int:
    """Return the peak of torch's memory on a GPU; for a CPU, the current memory of the process (0 if unknown)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    fields = (
        dict(line.split(":", 1) for line in _STATUS.read_text(encoding="utf-8").splitlines())
        if _STATUS.exists()
        else {}
    )
    return int(fields.get("VmRSS", "0 kB").split()[0]) * 1024


def largest_spectral_norm(network: nn.Module) -> Tensor | None:
    """Return the largest norm that spectral normalization divides a weight by; None if nothing is normalized.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (ICLR 2018). A norm that grows without
    bound is the first sign of a failing training.

    Example:
        >>> layer = nn.utils.spectral_norm(nn.Linear(1, 1, bias=False))
        >>> _ = layer(torch.ones(1, 1))  # one power iteration
        >>> bool(largest_spectral_norm(layer) == layer.weight_orig.abs().max())
        True
    """
    norms = [
        torch.dot(vectors[0], weight.detach().flatten(1) @ vectors[1])
        for layer in network.modules()
        for hook in layer._forward_pre_hooks.values()
        if isinstance(hook, SpectralNorm)
        for weight in [getattr(layer, f"{hook.name}_orig")]
        for vectors in [[getattr(layer, f"{hook.name}_{side}") for side in "uv"]]
    ]
    return torch.stack(norms).max() if norms else None
