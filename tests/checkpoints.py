"""Tiny checkpoints of every system, as the stage `train` writes them."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from smis.models.system_registry import SYSTEMS
from smis.training.export import description, save_weights, tensors_of
from tests.models.test_every_system import CLASSES, HEIGHT, TINY, WIDTH

NAMES = ["background", "hair", "face", "top", "skin", "shoes"]
PALETTE = [[230, 230, 230], [120, 70, 30], [250, 200, 160], [40, 90, 200], [240, 170, 130], [160, 30, 60]]
SIZE = (HEIGHT, WIDTH)


def write(path: Path, name: str, *, encoder: bool = True, **changed: Any) -> Path:
    """Write the checkpoint of a fresh system whose pictures are not all gray."""
    section = SYSTEMS.load(name).model_validate({"preset": "paperdoll"} | _tiny(name) | changed)
    torch.manual_seed(0)
    system = section.build(classes=CLASSES, height=HEIGHT, width=WIDTH, training=False)
    for weight in system.parameters():
        nn.init.normal_(weight, std=0.3)
    if exemplars := getattr(system.encoder, "exemplars", None):  # SEAN's, as after a training
        nn.init.normal_(exemplars.codes)
        exemplars.added.fill_(exemplars.codes.shape[1])
    networks = {"generator": system.generator, "encoder": system.encoder if encoder else None}
    height, width = SIZE
    metadata = description(
        system=name, config=section, dataset="paperdoll", classes=NAMES, palette=PALETTE, height=height, width=width
    )
    there = {part: network for part, network in networks.items() if network is not None}
    save_weights(path, tensors_of(there), metadata=metadata)
    return path


def _tiny(name: str) -> dict[str, Any]:
    return {key: value for key, value in TINY.items() if key in SYSTEMS.load(name).model_fields}
