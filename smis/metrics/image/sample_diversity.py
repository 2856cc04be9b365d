"""How far apart the pairs are among the samples of one label map: everywhere, and inside and outside one region.

Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), section 4.1.
"""

from collections.abc import Collection
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from smis.core.shapes import Image
from smis.metrics.image.features import in_batches
from smis.metrics.image.lpips import Pairs, PerceptualDistance, distance_maps, distances
from smis.metrics.image.result import Bootstrap, Draws, Result, of_maps

Pairing = Literal["consecutive", "all"]
RegionRule = Literal["mask", "spatial"]
Region = Bool[Tensor, "h w"]
Distances = Float[Tensor, " pairs"]
PerClass = Float[ndarray, "maps classes"]


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


class PartDiversity:
    """Gather the mean distance of the pairs inside and outside the part, by (label map, part)."""

    def __init__(
        self,
        network: PerceptualDistance,
        *,
        pairs: Pairing = "consecutive",
        region: RegionRule = "mask",
        batch: int = 32,
    ) -> None:
        self._network, self._batch = network, batch
        self._pairs: Pairing = pairs
        self._region: RegionRule = region
        self._samples = 0
        self.values: dict[tuple[str, int], tuple[float, float]] = {}

    def measure(self, key: str, image: Image, inside: Region, part: int) -> None:
        """Measure the samples of the label map `key` in which only `part`, at `inside`, was drawn anew."""
        self._samples = len(image)
        within, without = region_diversity(
            image, inside, self._network, pairs=self._pairs, region=self._region, batch=self._batch
        )
        self.values[key, part] = (within.mean().item(), without.mean().item())

    def merge(self, other: "PartDiversity") -> None:
        """Take over what another process measured."""
        self._samples = self._samples or other._samples
        self.values |= other.values

    def protocol(self, keys: Collection[str], bootstrap: Bootstrap, **parts: int) -> dict[str, Any]:
        """Say how it was measured; `parts` counts the classes or the instances."""
        protocol: dict[str, Any] = {"network": self._network.name, **of_maps(keys), "samples": self._samples, **parts}
        return protocol | {"pairs": self._pairs, "region": self._region, **bootstrap.protocol}


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
        protocol = {"network": self._network.name, **of_maps(self.values), "samples": self._samples}
        protocol |= {"pairs": self._pairs, **bootstrap.protocol}
        draws = bootstrap.means(values)
        return Result.drawn(self._network.name, float(values.mean()), draws=draws, protocol=protocol)


class RegionDiversity(PartDiversity):
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
        super().__init__(network, pairs=pairs, region=region, batch=batch)
        self._classes = classes

    def update(self, key: str, image: Image, inside: Region, *, resampled: int) -> None:
        """Measure the samples of the label map `key` in which only class `resampled`, at `inside`, was drawn anew."""
        self.measure(key, image, inside, resampled)

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
        protocol = self.protocol(keys, bootstrap, classes=measured)
        means = {"mCSD": _mean_of_class_means(inside, bootstrap), "mOCD": _mean_of_class_means(outside, bootstrap)}
        csd, ocd = (
            Result.drawn(name, float(drawn[0]), draws=drawn[1:], protocol=protocol) for name, drawn in means.items()
        )
        return csd, ocd


def _mean_of_class_means(table: PerClass, bootstrap: Bootstrap) -> Draws:
    """Return the value and its resamples, of which one without any map of a class averages over the other classes."""
    counts = np.concatenate([np.ones((1, len(table))), bootstrap.counts(len(table))])
    sums, maps = counts @ np.nan_to_num(table), counts @ ~np.isnan(table)
    means = np.divide(sums, maps, out=np.full_like(sums, np.nan), where=maps > 0)
    return np.nansum(means, axis=1) / (maps > 0).sum(axis=1)


class InstanceDiversity(PartDiversity):
    """Gather the mean distance of the pairs inside (mISD) and outside (mOISD) the one instance that was drawn anew."""

    def update(self, key: str, image: Image, inside: Region, *, instance: int) -> None:
        """Measure the samples of the label map `key` in which only `instance`, at `inside`, was drawn anew."""
        self.measure(key, image, inside, instance)

    def per_map(self) -> dict[str, Float[ndarray, "2"]]:
        """Return the means over the instances of each label map, inside and outside."""
        values: dict[str, list[tuple[float, float]]] = {}
        for key, instance in sorted(self.values):
            values.setdefault(key, []).append(self.values[key, instance])
        return {key: np.mean(each, axis=0) for key, each in values.items()}

    def compute(self, bootstrap: Bootstrap) -> tuple[Result, Result]:
        """Return mISD and mOISD: over the instances of a label map, then over label maps."""
        means = self.per_map()
        protocol = self.protocol(means, bootstrap, instances=len(self.values))
        isd, oisd = (
            Result.drawn(name, float(values.mean()), draws=bootstrap.means(values), protocol=protocol)
            for name, values in zip(("mISD", "mOISD"), np.array(list(means.values())).T, strict=True)
        )
        return isd, oisd
