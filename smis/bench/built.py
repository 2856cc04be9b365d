"""A system of a preset with made-up weights, ready to train or to draw."""

from typing import Any

import torch
from torch import Tensor

from smis.core.errors import ParamsError, WeightsError
from smis.models.systems import SYSTEMS
from smis.nn.perceptual import perceptual_network
from smis.published.data_sets import DataSet, data_set_of

_VGG19 = (64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512)
_PLACES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


def built(name: str, preset: str, *, training: bool, **more: object) -> tuple[Any, DataSet]:
    """Build a system, `more` over its preset, and say which data set it is for.

    A perceptual network whose file is missing gets noise.

    Raises:
        ParamsError: if the system has no such preset.
    """
    known(name, preset)
    data, config = data_set_of(preset), SYSTEMS.load(name).check({"preset": preset, **more}, source=preset)
    size = {"classes": len(data.classes), "height": data.height, "width": data.width}
    torch.manual_seed(0)
    try:
        return config.build(**size, training=training), data
    except WeightsError:
        system = config.build(**size, training=False)
        given = config.perceptual
        system.perceptual = perceptual_network("vgg19", _noise(), weights=given.slices, shrink=given.shrink)
        return system, data


def known(name: str, preset: str) -> None:
    """Check that the system has the preset.

    Raises:
        ParamsError: if it has not.
    """
    presets = SYSTEMS.load(name).presets
    if preset not in presets:
        raise ParamsError(f"{name} has no preset {preset!r}; it has: {', '.join(sorted(presets))}")


def _noise() -> dict[str, Tensor]:
    """Tensors of the shapes of torchvision's file."""
    found: dict[str, Tensor] = {}
    before = 3
    for place, channels in zip(_PLACES, _VGG19, strict=True):
        found[f"features.{place}.weight"] = torch.randn(channels, before, 3, 3) * (2 / (9 * before)) ** 0.5
        found[f"features.{place}.bias"] = torch.zeros(channels)
        before = channels
    return found
