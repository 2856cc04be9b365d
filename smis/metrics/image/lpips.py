"""LPIPS and ST-LPIPS: the distance between two images as the distance between a network's features of them.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR 2018), Eq. 1, version 0.1,
equal to the package `lpips`, which ships the weights of the channels; the trunks are torchvision's files. Ghildyal and
Liu, "Shift-tolerant Perceptual Similarity Metric" (ECCV 2022): trunks whose features hardly change when an image moves
by a pixel; all weights come with the wheel `stlpips-pytorch`, whose code needs packages that it does not declare.

Images are -1..1. The features of an image are computed once, however many pairs it is part of.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from smis.core import weights
from smis.core.errors import ImageError, ParamsError, shown
from smis.core.images import validate_images
from smis.core.shapes import Image, size_text
from smis.nn.trunks import LPIPS_SCALE, LPIPS_SHIFT, Trunk, alexnet, squeezenet, vgg16

NetworkName = Literal["lpips_alex", "lpips_vgg", "lpips_squeeze", "stlpips_alex", "stlpips_vgg16"]
NETWORKS: tuple[str, ...] = get_args(NetworkName)
TRUNKS = {"lpips_alex": "alexnet", "lpips_vgg": "vgg16", "lpips_squeeze": "squeezenet"}
"""The file of LPIPS's trunk, by its name in the table of weights; a file of ST-LPIPS holds the trunk too."""
_BUILD: dict[str, Callable[[], Trunk]] = {
    "lpips_alex": alexnet,
    "lpips_vgg": vgg16,
    "lpips_squeeze": squeezenet,
    "stlpips_alex": partial(alexnet, shift_tolerant=True),
    "stlpips_vgg16": partial(vgg16, shift_tolerant=True),
}
_SMALLEST = {"lpips_alex": 31, "lpips_vgg": 16, "lpips_squeeze": 17, "stlpips_alex": 21, "stlpips_vgg16": 18}
"""Side in pixels, below which nothing is left before the last pooling, or less than a reflected border needs."""
_EPSILON = 1e-10
_MANY = 2
"""Pairs per image above which one matrix product of all images is cheaper than a difference per pair."""

Features = list[Float[Tensor, "b _ _ _"]]
"""One tensor per layer: unit vectors at every position, scaled by the square roots of the channels' weights."""
Pairs = Int[Tensor, " pairs"]
"""One side of the pairs: indices into the batch of features."""


class PerceptualDistance(nn.Module):
    """Compare images by the features of a frozen trunk, with a learned weight per channel.

    d(x, y) = sum over layers l of the mean over positions of sum_c w_lc (x_lc - y_lc)², features normalized to unit
    length over channels; 0 for an image and itself, larger is less similar.

    Args:
        trunk: Returns a list of layers for a normalized image.
        name: What values measured with it are called.
        weights: Of the channels of each layer, none negative: their roots are multiplied into the features.
        shift: Subtracted from the three colors.
        scale: Divides the three colors afterwards.
        smallest: Side in pixels of the smallest image that the trunk takes.

    Example:
        >>> network = load("stlpips_alex")
        >>> image = torch.rand(2, 3, 64, 64) * 2 - 1
        >>> network(image, image).tolist()
        [0.0, 0.0]
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
        """Return the trunk's activations, neither normalized nor weighted.

        Raises:
            ImageError: if the image is smaller than the trunk takes.
        """
        height, width = image.shape[2:]
        if min(height, width) < self.smallest:
            raise ImageError(
                f"images of {size_text((height, width))} pixels are too small for {self.name}, which needs "
                f"{self.smallest} each way; prepare larger ones"
            )
        return self.trunk((image - self.shift) / self.scale)

    def features(self, image: Image) -> Features:
        """Return what `distances` and `distance_maps` compare."""
        return [_unit(layer) * root for layer, root in zip(self.layers(image), self.roots, strict=True)]

    def forward(self, first: Image, second: Image) -> Float[Tensor, " b"]:
        """Return the distance of each image of `first` to the image of `second` with the same index.

        Raises:
            ImageError: if they are not images of -1..1, as many and as large on both sides.
        """
        first, second = validate_images(first), validate_images(second)
        if first.shape != second.shape:
            sizes = [f"{len(image)} images of {size_text(image.shape[2:])}" for image in (first, second)]
            raise ImageError(f"{sizes[0]} cannot be compared with {sizes[1]}; give as many of the same size")
        indices = torch.arange(len(first), device=first.device)
        return distances(self.features(torch.cat([first, second])), indices, indices + len(first))


def distances(features: Features, first: Pairs, second: Pairs) -> Float[Tensor, " pairs"]:
    """Return the distance of each pair; 0 for an image and itself, never negative.

    Example:
        >>> features = load("stlpips_alex").features(torch.rand(3, 3, 32, 32) * 2 - 1)
        >>> values = distances(features, torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0]))
        >>> float(values[0]), bool(values[1] == values[2])
        (0.0, True)
    """
    if len(first) > _MANY * len(features[0]):
        return _distances_of_many(features, first, second)
    total = torch.zeros(len(first), device=features[0].device)
    for layer in features:
        total += (layer[first] - layer[second]).square().sum(dim=1).mean(dim=(1, 2))
    return total


def _distances_of_many(features: Features, first: Pairs, second: Pairs) -> Float[Tensor, " pairs"]:
    """|a - b|² = |a|² + |b|² - 2 a·b: one matrix product for all pairs, in float64, where nothing cancels."""
    total = torch.zeros(len(first), dtype=torch.float64, device=features[0].device)
    for layer in features:
        vectors = layer.flatten(1).double()
        products = vectors @ vectors.T
        squares = products.diagonal()
        positions = layer.shape[2] * layer.shape[3]
        total += (squares[first] + squares[second] - 2 * products[first, second]) / positions
    return total.clamp(min=0).float()


def distance_maps(
    features: Features, first: Pairs, second: Pairs, *, size: tuple[int, int]
) -> Float[Tensor, "pairs h w"]:
    """Return the distance at each pixel: each layer's map is resized bilinearly to `size`, then they are added."""
    total = torch.zeros(len(first), *size, device=features[0].device)
    for layer in features:
        differences = (layer[first] - layer[second]).square().sum(dim=1, keepdim=True)
        total += F.interpolate(differences, size=size, mode="bilinear", align_corners=False)[:, 0]
    return total


def load(name: str) -> PerceptualDistance:
    """Build a network with its published weights, frozen, on the CPU.

    Args:
        name: One of `NETWORKS`.

    Raises:
        ParamsError: if there is no network of this name.
        WeightsError: if its weights are missing or are not the published ones; no other takes its place.

    Example:
        >>> load("stlpips_vgg16").channels
        512
    """
    _check_name(name)
    if name in TRUNKS:
        return build(name, trunk=weights.read(TRUNKS[name]), heads=weights.read(name))
    state = weights.read(name)
    shift, scale = state["scaling_layer.shift"], state["scaling_layer.scale"]
    return _assemble(name, trunk=state, heads=state, shift=shift, scale=scale)


def build(name: str, *, trunk: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> PerceptualDistance:
    """Build LPIPS from torchvision's tensors (`features.*`; others are left out) and the package's (`lin*`)."""
    shift, scale = torch.tensor(LPIPS_SHIFT), torch.tensor(LPIPS_SCALE)
    return _assemble(name, trunk=trunk, heads=heads, shift=shift, scale=scale)


def protocol(name: str) -> dict[str, Any]:
    """Return the network's name and the first digits of the SHA-256 of its weights.

    Example:
        >>> protocol("stlpips_alex")
        {'network': 'stlpips_alex', 'weights': 'b356b382'}
    """
    _check_name(name)
    checksum = weights.TABLE[name].sha256
    if name not in TRUNKS:
        return {"network": name, "weights": checksum}
    return {"network": name, "version": "0.1", "weights": checksum, "trunk": weights.TABLE[TRUNKS[name]].sha256}


def _assemble(
    name: str, *, trunk: Mapping[str, Tensor], heads: Mapping[str, Tensor], shift: Tensor, scale: Tensor
) -> PerceptualDistance:
    layers = _BUILD[name]().load(trunk)
    own = [heads[f"lin{layer}.model.1.weight"].flatten() for layer in range(len(layers.taps))]
    return PerceptualDistance(layers, name=name, weights=own, shift=shift, scale=scale, smallest=_SMALLEST[name])


def _check_name(name: str) -> None:
    if name not in NETWORKS:
        raise ParamsError(f"there is no network named {shown(name)}; there are: {', '.join(NETWORKS)}")


def _unit(layer: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return layer / (layer.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON)
