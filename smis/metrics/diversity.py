"""How far apart the images of one label map are: everywhere, and inside and outside one class.

Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), section 4.1: LPIPS, mCSD and mOCD. Tan et al.,
"Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021) put instances for classes: the
same functions with other regions.
"""

from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from smis.core.shapes import Image
from smis.metrics.features import in_batches
from smis.metrics.perceptual_distance import Pairs, PerceptualDistance, distance_maps, distances
from smis.metrics.result import Bootstrap, Result, interval

Pairing = Literal["consecutive", "all"]
RegionRule = Literal["mask", "spatial"]
Region = Bool[Tensor, "h w"]
Distances = Float[Tensor, " pairs"]
PerClass = Float[ndarray, "maps classes"]


def pair_up(samples: int, rule: Pairing = "consecutive") -> tuple[Pairs, Pairs]:
    """Return both sides of the pairs among `samples` images: neighbours (19 of 20), or all (190 of 20)."""
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


class Diversity:
    """Gather the mean distance of the pairs of each label map."""

    def __init__(self, network: PerceptualDistance, *, pairs: Pairing = "consecutive", batch: int = 32) -> None:
        self._network, self._batch = network, batch
        self._pairs: Pairing = pairs
        self._samples = 0
        self.values: dict[str, float] = {}

    def update(self, key: str, image: Image) -> None:
        """Measure the samples of the label map `key`."""
        self._samples = len(image)
        self.values[key] = diversity(image, self._network, pairs=self._pairs, batch=self._batch).mean().item()

    def merge(self, other: "Diversity") -> None:
        """Take over what another process measured."""
        self._samples = self._samples or other._samples
        self.values |= other.values

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Return the mean over label maps."""
        values = np.array([self.values[key] for key in sorted(self.values)])
        protocol = {"network": self._network.name, "label_maps": len(values), "samples": self._samples}
        protocol |= {"pairs": self._pairs, **bootstrap.protocol}
        return Result(self._network.name, float(values.mean()), bootstrap.mean(values), protocol)


class RegionDiversity:
    """Gather the mean distance of the pairs inside (mCSD) and outside (mOCD) the one class that was drawn anew."""

    def __init__(
        self,
        network: PerceptualDistance,
        *,
        classes: int,
        pairs: Pairing = "consecutive",
        region: RegionRule = "mask",
        batch: int = 32,
    ) -> None:
        self._network, self._classes, self._batch = network, classes, batch
        self._pairs: Pairing = pairs
        self._region: RegionRule = region
        self._samples = 0
        self.values: dict[tuple[str, int], tuple[float, float]] = {}

    def update(self, key: str, image: Image, inside: Region, *, resampled: int) -> None:
        """Measure the samples of the label map `key` in which only class `resampled`, at `inside`, was drawn anew."""
        self._samples = len(image)
        within, without = region_diversity(
            image, inside, self._network, pairs=self._pairs, region=self._region, batch=self._batch
        )
        self.values[key, resampled] = (within.mean().item(), without.mean().item())

    def merge(self, other: "RegionDiversity") -> None:
        """Take over what another process measured."""
        self._samples = self._samples or other._samples
        self.values |= other.values

    def tables(self) -> tuple[list[str], PerClass, PerClass]:
        """Return the keys of the label maps, and inside and outside by (map, class): NaN where it has no such class."""
        keys = sorted({key for key, _ in self.values})
        inside, outside = np.full((2, len(keys), self._classes), np.nan)
        for (key, resampled), (within, without) in self.values.items():
            inside[keys.index(key), resampled] = within
            outside[keys.index(key), resampled] = without
        return keys, inside, outside

    def compute(self, bootstrap: Bootstrap) -> tuple[Result, Result]:
        """Return mCSD and mOCD: over the label maps that hold a class, then over classes."""
        keys, inside, outside = self.tables()
        measured = int((~np.isnan(inside)).any(axis=0).sum())
        protocol: dict[str, Any] = {"network": self._network.name, "label_maps": len(keys), "samples": self._samples}
        protocol |= {"classes": measured, "pairs": self._pairs, "region": self._region, **bootstrap.protocol}
        return (
            Result("mCSD", *_mean_of_class_means(inside, bootstrap), protocol),
            Result("mOCD", *_mean_of_class_means(outside, bootstrap), protocol),
        )


def _mean_of_class_means(table: PerClass, bootstrap: Bootstrap) -> tuple[float, tuple[float, float]]:
    """A resample without any map of a class averages over the other classes."""
    counts = np.concatenate([np.ones((1, len(table))), bootstrap.counts(len(table))])
    sums, maps = counts @ np.nan_to_num(table), counts @ ~np.isnan(table)
    means = np.divide(sums, maps, out=np.full_like(sums, np.nan), where=maps > 0)
    drawn = np.nansum(means, axis=1) / (maps > 0).sum(axis=1)
    return float(drawn[0]), interval(drawn[1:])
