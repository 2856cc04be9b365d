"""What is worth watching beside the loss terms."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.spectral_norm import SpectralNorm

from smis.training.learner import Learner

_STATUS = Path("/proc/self/status")


class Watch:
    """Counts time and images since the last time that somebody asked."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._step, self._waited, self._at = learner.step, 0.0, time.monotonic()
        self._began = self._at

    def waits(self) -> None:
        """Say that the loop begins to wait for data."""
        self._began = time.monotonic()

    def has_data(self) -> None:
        """Say that it has waited."""
        self._waited += time.monotonic() - self._began

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time that this takes out of the rates: it is no part of a step."""
        began = time.monotonic()
        yield
        self._at += time.monotonic() - began

    def measured(self, step: int) -> dict[str, float]:
        """Return rates, gradients, the largest spectral norms, speed, the share of waiting, and memory."""
        learner, now = self._learner, time.monotonic()
        taken = max(now - self._at, 1e-9)
        found = {
            "lr_generator": learner.generator.rate,
            "lr_discriminator": learner.discriminator.rate,
            "gradient_generator": float(learner.generator.gradient_norm()),
            "gradient_discriminator": float(learner.discriminator.gradient_norm()),
            **_spectral(learner),
            "images_per_second": round((step - self._step) * learner.config.batch / taken, 2),
            "data_wait_share": round(self._waited / taken, 4),
            "memory_mib": round(memory(learner.processes.device) / 2**20),
        }
        self._step, self._waited, self._at = step, 0.0, now
        return found


def memory(device: torch.device) -> int:
    """Return the most bytes that torch has had on a GPU; on a CPU, what the process has now, or 0 where unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines()) if _STATUS.exists() else {}
    return int(fields.get("VmRSS", "0 kB").split()[0]) * 1024


def largest_spectral_norm(network: nn.Module) -> Tensor | None:
    """Return the largest norm that spectral normalization divides a weight by; None where nothing is normalized.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (ICLR 2018): one that grows without end
    is the first sign of a training that fails.
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


def _spectral(learner: Learner) -> dict[str, float]:
    networks = {"generator": learner.system.generator, "discriminator": learner.system.discriminator}
    norms = {name: largest_spectral_norm(network) for name, network in networks.items()}
    return {f"spectral_{name}": float(norm) for name, norm in norms.items() if norm is not None}
