"""Systems with random weights and batches of random images and label maps, in the sizes of a preset."""

from typing import Any

import torch
from torch import Tensor

from smis.core.batch import Batch
from smis.core.errors import ParamsError, WeightsError
from smis.core.seeding import generator
from smis.models.system_registry import SYSTEMS
from smis.nn.perceptual import perceptual_network
from smis.nn.trunks import vgg19
from smis.published.published_datasets import PublishedDataset, dataset_of


def build_synthetic(name: str, preset: str, *, training: bool, **more: object) -> tuple[Any, PublishedDataset]:
    """Build a system, `more` over its preset, and say which data set it is for.

    A perceptual network whose file is missing gets noise.

    Raises:
        ParamsError: if the system has no such preset.
    """
    check_preset(name, preset)
    data, config = dataset_of(preset), SYSTEMS.load(name).check({"preset": preset, **more}, source=preset)
    size = {"classes": len(data.classes), "height": data.height, "width": data.width}
    torch.manual_seed(0)
    try:
        return config.build(**size, training=training), data
    except WeightsError:
        system = config.build(**size, training=False)
        given = config.perceptual
        system.perceptual = perceptual_network("vgg19", _noise(), weights=given.slices, shrink=given.shrink)
        return system, data


def check_preset(name: str, preset: str) -> None:
    """Check that the system has the preset.

    Raises:
        ParamsError: if it has not.
    """
    presets = SYSTEMS.load(name).presets
    if preset not in presets:
        raise ParamsError(f"{name} has no preset {preset!r}; it has: {', '.join(sorted(presets))}")


def _noise() -> dict[str, Tensor]:
    """Tensors of the shapes of torchvision's file."""
    return {
        name: torch.randn(*tensor.shape) * (2 / (9 * tensor.shape[1])) ** 0.5 if tensor.dim() == 4 else tensor.zero_()
        for name, tensor in vgg19().state_dict().items()
    }


_PRESENT = 12
"""Classes in a picture; of Cityscapes' 35 a street shows about 18, of ADE20K's 151 a room about 9."""
_SIDE = 8
"""Squares along each side of a map."""


def synthetic_batch(data: PublishedDataset, *, batch: int, shares: int = 1, step: int = 0) -> Batch:
    """Return the batch of a step: noise, and squares of a few classes, an instance for each class."""
    draws = generator(0, "bench", step)
    size = data.height, data.width
    squares = torch.randint(0, min(_PRESENT, len(data.classes)), (batch, _SIDE, _SIDE), generator=draws)
    rows, columns = ((torch.arange(side) * _SIDE // side) for side in size)
    instances = torch.stack([each.unique(return_inverse=True)[1] for each in squares])
    labels = squares * (len(data.classes) // min(_PRESENT, len(data.classes)))
    image = torch.rand(batch, 3, *size, generator=draws) * 2 - 1
    large, pieces = (ids[:, rows][:, :, columns] for ids in (labels, instances))
    return Batch(image, large, pieces, tuple(f"{step}-{number}" for number in range(batch)), shares=shares)
