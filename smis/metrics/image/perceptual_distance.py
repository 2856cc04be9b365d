"""Distance between two images as the distance between a network's features of them.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR 2018), Eq. 1. The
features of an image are computed once, however many pairs it is part of.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from smis.core.errors import ImageError
from smis.core.shapes import Image

_EPSILON = 1e-10
_MANY = 2
"""Pairs for each image, beyond which their differences cost more than products of all images."""

Features = list[Float[Tensor, "b _ _ _"]]
"""One tensor per layer of the trunk: unit vectors at every place, scaled by the root of the channels' weights."""
Pairs = Int[Tensor, " pairs"]
"""One side of the pairs: positions along the batch of features."""


class PerceptualDistance(nn.Module):
    """Compare images of -1..1 by the features of a frozen trunk, each channel with its learned weight.

    `trunk` gives a list of layers for a normalized image, `weights` holds the channels' weights of each, none
    negative, so that their roots can be multiplied into the features and a distance is a plain squared difference.
    """

    def __init__(
        self,
        trunk: nn.Module,
        *,
        name: str,
        weights: Sequence[Float[Tensor, " _"]],
        shift: Tensor,
        scale: Tensor,
        smallest: int = 1,
    ) -> None:
        super().__init__()
        self.name, self.smallest = name, smallest
        self.trunk = trunk
        self.shift, self.scale = nn.Buffer(shift.reshape(1, 3, 1, 1)), nn.Buffer(scale.reshape(1, 3, 1, 1))
        self.roots = nn.ParameterList(weight.sqrt().reshape(1, -1, 1, 1) for weight in weights)
        self.requires_grad_(False).eval()

    @property
    def channels(self) -> int:
        """Channels of the last layer."""
        return self.roots[-1].shape[1]

    def layers(self, image: Image) -> Features:
        """Return the trunk's own activations, neither normalized nor weighted.

        Raises:
            ImageError: if nothing would be left of the image on the way through.
        """
        height, width = image.shape[2:]
        if min(height, width) < self.smallest:
            raise ImageError(
                f"images of {height} x {width} pixels are too small for {self.name}, which needs {self.smallest} "
                "each way; prepare larger ones"
            )
        return self.trunk((image - self.shift) / self.scale)

    def features(self, image: Image) -> Features:
        """Return what `distances` and `distance_maps` compare."""
        return [_unit(layer) * root for layer, root in zip(self.layers(image), self.roots, strict=True)]

    def forward(self, first: Image, second: Image) -> Float[Tensor, " b"]:
        """Return the distance of each image of `first` to the image of `second` at its place."""
        indices = torch.arange(len(first), device=first.device)
        return distances(self.features(torch.cat([first, second])), indices, indices + len(first))


def distances(features: Features, first: Pairs, second: Pairs) -> Float[Tensor, " pairs"]:
    """Sum over layers the mean over places of the squared difference; 0 for an image and itself, never negative."""
    if len(first) > _MANY * len(features[0]):
        return _distances_of_many(features, first, second)
    total = torch.zeros(len(first), device=features[0].device)
    for layer in features:
        total += (layer[first] - layer[second]).square().sum(dim=1).mean(dim=(1, 2))
    return total


def _distances_of_many(features: Features, first: Pairs, second: Pairs) -> Float[Tensor, " pairs"]:
    """|a - b|² = |a|² + |b|² - 2 a·b: one product of matrices for all pairs, in float64, where nothing cancels."""
    total = torch.zeros(len(first), dtype=torch.float64, device=features[0].device)
    for layer in features:
        vectors = layer.flatten(1).double()
        products = vectors @ vectors.T
        squares = products.diagonal()
        places = layer.shape[2] * layer.shape[3]
        total += (squares[first] + squares[second] - 2 * products[first, second]) / places
    return total.clamp(min=0).float()


def distance_maps(
    features: Features, first: Pairs, second: Pairs, *, size: tuple[int, int]
) -> Float[Tensor, "pairs h w"]:
    """Keep the places: each layer's map is enlarged bilinearly to `size` before they are added."""
    total = torch.zeros(len(first), *size, device=features[0].device)
    for layer in features:
        differences = (layer[first] - layer[second]).square().sum(dim=1, keepdim=True)
        total += F.interpolate(differences, size=size, mode="bilinear", align_corners=False)[:, 0]
    return total


def _unit(layer: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return layer / (layer.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON)
