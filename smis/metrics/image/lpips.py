"""LPIPS, version 0.1: `lpips_alex`, `lpips_vgg` and `lpips_squeeze`, equal to the package `lpips`.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR 2018). The package ships
the learned weights of the channels; the trunks are torchvision's files. The features of an image are computed once,
however many pairs it is part of, which the package does not do. Images are -1..1; 0..1 would be silently wrong.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from smis.core import weights
from smis.metrics.image.perceptual_distance import PerceptualDistance
from smis.nn.trunks import LPIPS_SCALE, LPIPS_SHIFT, alexnet, squeezenet, vgg16

TRUNKS = {"lpips_alex": "alexnet", "lpips_vgg": "vgg16", "lpips_squeeze": "squeezenet"}
"""For each network the row of its trunk in the table of weights."""
_SMALLEST = {"lpips_alex": 31, "lpips_vgg": 16, "lpips_squeeze": 17}
"""Of fewer pixels, nothing would be left before the last pooling."""
_BUILD = {"lpips_alex": alexnet, "lpips_vgg": vgg16, "lpips_squeeze": squeezenet}


def load(name: str) -> PerceptualDistance:
    """Build a network of `TRUNKS` with its published weights, frozen, on the CPU.

    Raises:
        WeightsError: if weights are missing or are not the published ones.
    """
    return build(name, trunk=weights.read(TRUNKS[name]), heads=weights.read(name))


def build(name: str, *, trunk: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> PerceptualDistance:
    """Build a network from torchvision's tensors (`features.*`; others are left out) and the package's (`lin*`)."""
    network = _BUILD[name]().load(trunk)
    return PerceptualDistance(
        network,
        name=name,
        weights=[heads[f"lin{layer}.model.1.weight"].flatten() for layer in range(len(network.taps))],
        shift=torch.tensor(LPIPS_SHIFT),
        scale=torch.tensor(LPIPS_SCALE),
        smallest=_SMALLEST[name],
    )


def protocol(name: str) -> dict[str, str]:
    """Say which network measures, and with which weights."""
    return {
        "network": name,
        "version": "0.1",
        "weights": weights.TABLE[name].sha256,
        "trunk": weights.TABLE[TRUNKS[name]].sha256,
    }
