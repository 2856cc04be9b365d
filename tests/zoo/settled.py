"""Tiny checkpoints whose networks are as stable as trained ones: their spectral and batch norms have seen data."""

from pathlib import Path

import torch

from smis.core.seeding import Noise, generator
from smis.models.system_registry import SYSTEMS
from smis.training.export import load_system, save_weights, tensors_of
from tests import checkpoints


def write(path: Path, name: str) -> Path:
    """Write one of a system."""
    return settle(checkpoints.write(path, name))


def settle(path: Path) -> Path:
    """Let norms see data: those that have seen none divide by nearly 0, and so enlarge every rounding."""
    trained = load_system(path, SYSTEMS)
    system, (height, width) = trained.system.train(), (int(trained.metadata[side]) for side in ("height", "width"))
    labels = (torch.arange(width) * 4 // width).expand(4, height, width).contiguous()
    with torch.no_grad():
        for step in range(10):
            style = system.sample(labels, labels, Noise(generator(step)))
            image = system.synthesize(labels, labels, style)
            if system.encoder is not None:
                system.encode(image, labels, labels, None)
    networks = {part: getattr(system, part) for part in ("generator", "encoder")}
    tensors = tensors_of({part: network for part, network in networks.items() if network is not None})
    save_weights(path, tensors, metadata=trained.metadata)
    return path
