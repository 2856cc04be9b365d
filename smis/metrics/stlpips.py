"""Shift-tolerant LPIPS: AlexNet and VGG-16 trunks that hardly notice when an image moves by a pixel.

Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric" (ECCV 2022). The trained weights lie in the wheel
`stlpips-pytorch`; its code is not imported, because it asks for packages that it does not need. Names of layers are
those of its weight files.
"""

from collections import OrderedDict
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from smis.core import weights
from smis.metrics.perceptual_distance import Features, PerceptualDistance

_LAYERS = 5
_SMALLEST = {"stlpips_alex": 21, "stlpips_vgg16": 18}
"""Of fewer pixels, less would be left before the last reflected border than it is wide."""


class BlurPool(nn.Module):
    """Smooth with a binomial filter, then take every second place.

    Zhang, "Making Convolutional Networks Shift-Invariant Again" (ICML 2019), with the wider reflected border of
    ST-LPIPS, by which maps shrink to a little more than half.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0])
        plane = line[:, None] * line[None, :]
        self.filt = nn.Buffer((plane / plane.sum()).repeat(channels, 1, 1, 1))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Halve the height and width."""
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), self.filt, stride=2, groups=x.shape[1])


class Trunk(nn.Module):
    """Run slices one after the other and keep what each gives."""

    def __init__(self, slices: list[dict[str, nn.Module]]) -> None:
        super().__init__()
        for number, layers in enumerate(slices, start=1):
            self.add_module(f"slice{number}", nn.Sequential(OrderedDict(layers)))

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Features:
        """Return the activations after every slice."""
        kept, x = [], image
        for piece in self.children():
            x = piece(x)
            kept.append(x)
        return kept


def load(name: str) -> PerceptualDistance:
    """Build `stlpips_alex` or `stlpips_vgg16` with its trained weights, frozen, on the CPU.

    Raises:
        WeightsError: if the weights are missing or are not the published ones.
    """
    state = weights.read(name)
    trunk = Trunk({"stlpips_alex": _alex, "stlpips_vgg16": _vgg16}[name]())
    trunk.load_state_dict(_below("net.", state))
    return PerceptualDistance(
        trunk.to(memory_format=torch.channels_last),  # about 1.5 times as fast on a CPU
        name=name,
        weights=[state[f"lin{layer}.model.1.weight"].flatten() for layer in range(_LAYERS)],
        shift=state["scaling_layer.shift"],
        scale=state["scaling_layer.scale"],
        smallest=_SMALLEST[name],
    )


def _below(prefix: str, state: dict[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _alex() -> list[dict[str, nn.Module]]:
    """AlexNet whose first convolution takes every place and which blurs before it thins out."""
    return [
        {"0": nn.Conv2d(3, 64, 11, padding=2), "1": BlurPool(64), "2": nn.ReLU(inplace=True)},
        {"3": nn.MaxPool2d(3, stride=1), "4": BlurPool(64), "5": nn.Conv2d(64, 192, 5, padding=2), "6": nn.ReLU()},
        {"7": nn.MaxPool2d(3, stride=1), "8": BlurPool(192), "9": nn.Conv2d(192, 384, 3, padding=1), "10": nn.ReLU()},
        {"11": nn.Conv2d(384, 256, 3, padding=1), "12": nn.ReLU()},
        {"13": nn.Conv2d(256, 256, 3, padding=1), "14": nn.ReLU()},
    ]


def _vgg16() -> list[dict[str, nn.Module]]:
    """VGG-16 whose poolings are a dense maximum followed by a blur; numbers run on over the slices."""
    slices, number, channels = [], 0, 3
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers: list[nn.Module] = [nn.MaxPool2d(2, stride=1), BlurPool(channels)] if slices else []
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        slices.append({str(number + index): layer for index, layer in enumerate(layers)})
        number += len(layers)
    return slices
