"""Small systems that stand for the released ones: their files, made here."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from smis.core.seeding import Noise, generator
from smis.models.system_registry import SYSTEMS
from smis.published.importer import Candidate
from smis.published.published_datasets import dataset_of
from smis.published.release_files import ENCODER_INSIDE
from smis.training.export import save_weights, tensors_of

NETWORKS = {"generator": "latest_net_G.pth", "encoder": "latest_net_E.pth"}
NETWORKS_OF = {"oasis": {"generator": "best_EMA.pth"}}


def _built(config: Any, *, classes: int = 8) -> Any:
    """Build a system that has made a few pictures, so that its spectral norms and running statistics mean something."""
    torch.manual_seed(0)
    system = config.build(classes=classes, height=64, width=64, training=False)
    labels = (torch.arange(64) // 8 % classes).expand(2, 64, 64).contiguous()
    noise = Noise(generator(0))
    with torch.no_grad():
        for _ in range(5):
            system.synthesize(labels, labels, system.sample(labels, labels, noise))
    return system.eval()


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Path]]:
    """Give a system's files by network, as its authors save them."""

    @cache
    def make(name: str, preset: str = "paperdoll") -> dict[str, Path]:
        folder, system = tmp_path_factory.mktemp(name), _built(Candidate(name, preset).config)
        if inside := ENCODER_INSIDE.get(name):
            parts = {inside.removesuffix("."): system.encoder, **dict(system.generator.named_children())}
            system.generator._modules.clear()
            for part, network in parts.items():
                system.generator.add_module(part, network)
            system.encoder = None
        files = NETWORKS_OF.get(name, NETWORKS)
        paths = {part: folder / file for part, file in files.items() if getattr(system, part) is not None}
        for part, path in paths.items():
            torch.save(getattr(system, part).state_dict(), path)
        return paths

    return make


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give a system's checkpoint, as training writes it."""

    @cache
    def make(name: str, *, classes: int = 8, **changes: Any) -> Path:
        config = SYSTEMS.load(name)(preset="paperdoll", **changes)
        system, data = _built(config, classes=classes), dataset_of("paperdoll")
        metadata = {
            "system": name,
            "config": config.model_dump_json(),
            "classes": json.dumps(data.classes[:classes]),
            "palette": json.dumps(data.palette[:classes]),
            "height": "64",
            "width": "64",
        }
        networks = {part: getattr(system, part) for part in NETWORKS if getattr(system, part) is not None}
        path = tmp_path_factory.mktemp(name) / "X.safetensors"
        save_weights(path, tensors_of(networks), metadata=metadata)
        return path

    return make
