"""Networks that compute one feature vector per image, for Fréchet and kernel distances, and the names of these."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from smis.core import weights
from smis.core.shapes import Image
from smis.metrics.image import inception, lpips
from smis.metrics.image.lpips import PerceptualDistance

EmbeddingName = Literal["stlpips_vgg16", "inception_fid"]
NAMES: dict[str, tuple[str, str]] = {
    "inception_fid": ("fid", "kid"),
    "stlpips_vgg16": ("fd_stlpips_vgg", "kd_stlpips_vgg"),
}
"""Names of the Fréchet and the kernel distance by network; only Inception gives FID and KID."""
_SCALE = 20
"""Divides the features of ST-LPIPS, so that they have the size of Inception's, for which KID's kernel was made."""


@dataclass(frozen=True)
class Embedding:
    """A network with its weights: `of(image)` returns (b, dimensions) vectors on the CPU."""

    dimensions: int
    of: Callable[[Image], Float[Tensor, "b d"]]


def load(name: EmbeddingName, device: torch.device) -> Embedding:
    """Build a network with its published weights.

    Raises:
        WeightsError: if its weights are missing or are not the published ones; no other takes its place.
    """
    if name == "inception_fid":
        network = inception.load().to(device)
        return Embedding(network.channels, partial(inception.features, network))
    trunk = lpips.load(name).to(device)
    return Embedding(trunk.channels, partial(_pooled, trunk))


def protocol(name: EmbeddingName) -> dict[str, str]:
    """Return what both sides of a distance must share."""
    if name == "inception_fid":
        return inception.protocol()
    return {
        "network": name,
        "weights": weights.TABLE[name].sha256,
        "features": f"last layer, mean over places, / {_SCALE}",
        "resize": "none",
    }


def _pooled(network: PerceptualDistance, image: Image) -> Float[Tensor, "b d"]:
    with torch.inference_mode():
        return (network.layers(image.to(network.shift.device))[-1].mean(dim=(2, 3)) / _SCALE).cpu()
