"""How far apart the pairs are among the samples of one label map: everywhere, and inside and outside one region.

Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), section 4.1.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from smis.core.shapes import Image
from smis.metrics.features import in_batches
from smis.metrics.perceptual_distance import Pairs, PerceptualDistance, distance_maps, distances

Pairing = Literal["consecutive", "all"]
RegionRule = Literal["mask", "spatial"]
Region = Bool[Tensor, "h w"]
Distances = Float[Tensor, " pairs"]


def pair_up(samples: int, rule: Pairing = "consecutive") -> tuple[Pairs, Pairs]:
    """Return both sides of the pairs among `samples` images: neighbors (19 of 20), or all (190 of 20)."""
    if rule == "all":
        first, second = torch.triu_indices(samples, samples, offset=1)
        return first, second
    return torch.arange(samples - 1), torch.arange(1, samples)


def diversity(
    image: Image, network: PerceptualDistance, *, pairs: Pairing = "consecutive", batch: int = 32
) -> Distances:
    """Return the distances of the pairs among the samples of one label map."""
    first, second = (side.to(image.device) for side in pair_up(len(image), pairs))
    found = torch.zeros(len(first), device=image.device)
    differs = _differ(image, first, second)
    if differs.any():  # equal images are 0 apart by definition, and need no network
        needed, places = torch.stack([first[differs], second[differs]]).unique(return_inverse=True)
        features = in_batches(network.features, image[needed], batch=batch)
        found[differs] = distances(features, places[0], places[1])
    return found


def region_diversity(
    image: Image,
    inside: Region,
    network: PerceptualDistance,
    *,
    pairs: Pairing = "consecutive",
    region: RegionRule = "mask",
    batch: int = 32,
) -> tuple[Distances, Distances]:
    """Return the distances of the pairs inside and outside a region of one label map.

    `mask` sets both images to zero (of -1..1) where they do not count and compares whole images: the rule that the
    published magnitudes follow. `spatial` averages the map of distances over the region.
    """
    if region == "mask":
        within = diversity(image * inside, network, pairs=pairs, batch=batch)
        return within, diversity(image * ~inside, network, pairs=pairs, batch=batch)
    first, second = (side.to(image.device) for side in pair_up(len(image), pairs))
    size = (inside.shape[0], inside.shape[1])
    maps = distance_maps(in_batches(network.features, image, batch=batch), first, second, size=size)
    maps[~_differ(image, first, second)] = 0
    return _mean_over(maps, inside), _mean_over(maps, ~inside)


def _differ(image: Image, first: Pairs, second: Pairs) -> Bool[Tensor, " pairs"]:
    return (image[first] != image[second]).flatten(1).any(dim=1)


def _mean_over(maps: Float[Tensor, "pairs h w"], region: Region) -> Distances:
    """A region without a place has no distance: 0."""
    return (maps * region).sum(dim=(1, 2)) / region.sum().clamp(min=1)
