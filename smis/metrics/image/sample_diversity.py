"""Diversity of the samples of one label map: of whole images, and inside and outside one class or instance.

Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), section 4.1: LPIPS, mCSD and mOCD. Tan et al.,
"Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021) resample instances: mISD and mOISD
are mCSD and mOCD with instances for classes.
"""

from collections.abc import Collection, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from smis.core.errors import LabelError, ParamsError, shown
from smis.core.images import validate_images
from smis.core.numbers import MOST_CLASSES, whole
from smis.core.shapes import Image, size_text
from smis.metrics.image.features import in_batches
from smis.metrics.image.lpips import Pairs, PerceptualDistance, distance_maps, distances
from smis.metrics.image.result import Bootstrap, Draws, Result, check_bootstrap, of_maps

Pairing = Literal["consecutive", "all"]
RegionRule = Literal["mask", "spatial"]
Region = Bool[Tensor, "h w"]
Distances = Float[Tensor, " pairs"]
PerClass = Float[ndarray, "maps classes"]


def pair_up(samples: int, rule: Pairing = "consecutive") -> tuple[Pairs, Pairs]:
    """Return both sides of the pairs among `samples` images: neighbors (19 of 20), or all (190 of 20).

    Example:
        >>> [side.tolist() for side in pair_up(3, "all")]
        [[0, 0, 1], [1, 2, 2]]
    """
    _check_choice(rule, "pairs", get_args(Pairing))
    if rule == "all":
        first, second = torch.triu_indices(samples, samples, offset=1)
        return first, second
    return torch.arange(samples - 1), torch.arange(1, samples)


def diversity(
    image: Image, network: PerceptualDistance, *, pairs: Pairing = "consecutive", batch: int = 32
) -> Distances:
    """Return the distances of the pairs among the samples of one label map, 0 for equal images.

    Args:
        image: The samples, -1..1.
        network: Compares two images.
        pairs: Which images are compared.
        batch: Images in the network at once.

    Raises:
        ImageError: if they are not two images of -1..1 or more.
        ParamsError: if there is no such rule.

    Example:
        >>> from smis.metrics.image import lpips
        >>> image = torch.full((3, 3, 32, 32), 0.5)
        >>> diversity(image, lpips.load("stlpips_alex")).tolist()
        [0.0, 0.0]
    """
    return _diversity(validate_images(image, name="the samples", at_least=2), network, pairs=pairs, batch=batch)


def _diversity(image: Image, network: PerceptualDistance, *, pairs: Pairing, batch: int) -> Distances:
    first, second = (side.to(image.device) for side in pair_up(len(image), pairs))
    values = torch.zeros(len(first), device=image.device)
    differs = _differ(image, first, second)
    if differs.any():  # the network is not needed for equal images
        needed, indices = torch.stack([first[differs], second[differs]]).unique(return_inverse=True)
        features = in_batches(network.features, image[needed], batch=batch)
        values[differs] = distances(features, indices[0], indices[1])
    return values


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

    Args:
        image: As for `diversity`, like `network`, `pairs` and `batch`.
        inside: The region.
        region: `mask` sets both images to zero (of -1..1) outside, or inside, the region and compares whole images: the
            rule that the published magnitudes follow. `spatial` averages the map of distances over the region.

    Raises:
        ImageError: if they are not two images of -1..1 or more.
        LabelError: if the region is no mask of their size.
        ParamsError: if there is no such rule.

    Example:
        >>> from smis.metrics.image import lpips
        >>> left = torch.arange(32).expand(32, 32) < 16
        >>> image = (torch.rand(2, 3, 32, 32) - 0.5) * left  # they differ on the left only
        >>> inside, outside = region_diversity(image, left, lpips.load("stlpips_alex"))
        >>> bool(inside > 0), outside.tolist()
        (True, [0.0])
    """
    image = validate_images(image, name="the samples", at_least=2)
    _check_choice(region, "region", get_args(RegionRule))
    if not isinstance(inside, Tensor) or inside.dtype != torch.bool or inside.shape != image.shape[2:]:
        size = size_text(image.shape[2:])
        raise LabelError(f"the region is {shown(inside)}; give a mask {size} of booleans, as labels == 1")
    if region == "mask":
        within = _diversity(image * inside, network, pairs=pairs, batch=batch)
        return within, _diversity(image * ~inside, network, pairs=pairs, batch=batch)
    first, second = (side.to(image.device) for side in pair_up(len(image), pairs))
    size = (inside.shape[0], inside.shape[1])
    maps = distance_maps(in_batches(network.features, image, batch=batch), first, second, size=size)
    maps[~_differ(image, first, second)] = 0
    return _mean_over(maps, inside), _mean_over(maps, ~inside)


def _check_choice(value: str, name: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ParamsError(f"{name} is {shown(value)}; give {' or '.join(map(repr, allowed))}")


def _differ(image: Image, first: Pairs, second: Pairs) -> Bool[Tensor, " pairs"]:
    return (image[first] != image[second]).flatten(1).any(dim=1)


def _mean_over(maps: Float[Tensor, "pairs h w"], region: Region) -> Distances:
    """Average over the region; 0 for an empty one."""
    return (maps * region).sum(dim=(1, 2)) / region.sum().clamp(min=1)


@dataclass(eq=False)
class SampleMetric:
    """What the metrics below share: the samples of one label map after the other, compared in pairs."""

    network: PerceptualDistance
    """Compares two images."""
    _: KW_ONLY
    pairs: Pairing = "consecutive"
    """Which samples of a label map are compared."""
    batch: int = 32
    """Images in the network at once."""
    values: dict[Any, Any] = field(default_factory=dict, init=False)
    samples: int = field(default=0, init=False)
    """Of each label map."""

    _RULES: ClassVar[tuple[str, ...]] = ("pairs",)

    def __post_init__(self) -> None:
        if not isinstance(self.network, PerceptualDistance):
            raise ParamsError(f"network is {shown(self.network)}; give one that `smis.metrics.lpips.load` made")

    def merge(self, other: "SampleMetric") -> None:
        """Add the label maps that another process measured."""
        self.samples = self.samples or other.samples
        self.values |= other.values

    def protocol(self, keys: Collection[str], bootstrap: Bootstrap, **parts: int) -> dict[str, Any]:
        """Return how it was measured; `parts` is the number of classes or instances."""
        rules = {rule: getattr(self, rule) for rule in self._RULES}
        measured = {"network": self.network.name, **of_maps(keys), "samples": self.samples}
        return {**measured, **parts, **rules, **bootstrap.protocol}


class Diversity(SampleMetric):
    """Mean distance of the pairs of each label map (`values`), named after the network.

    Example:
        >>> from smis.metrics.image import lpips
        >>> metric = Diversity(lpips.load("stlpips_alex"))
        >>> for key in ("map 1", "map 2"):
        ...     metric.update(key, torch.rand(2, 3, 32, 32) * 2 - 1)
        >>> metric.compute(Bootstrap(resamples=100)).name
        'stlpips_alex'
    """

    @property
    def name(self) -> str:
        """Return what the result is called."""
        return self.network.name

    def update(self, key: str, image: Image) -> None:
        """Measure the samples of the label map `key`."""
        self.values[key] = diversity(image, self.network, pairs=self.pairs, batch=self.batch).mean().item()
        self.samples = len(image)

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Return the mean over label maps."""
        check_bootstrap(bootstrap)
        return Result.mean(self.name, self.values, bootstrap, protocol=self.protocol(self.values, bootstrap))


@dataclass(eq=False, kw_only=True)
class PartDiversity(SampleMetric):
    """Mean distances of the pairs inside and outside a resampled class or instance, by (label map, id)."""

    region: RegionRule = "mask"
    """How the area of the class or instance is cut out, see `region_diversity`."""

    _RULES = ("pairs", "region")

    @property
    def highest(self) -> int:
        """The largest id of a class or instance."""
        return 2**31

    def update(self, key: str, image: Image, inside: Region, *, resampled: int) -> None:
        """Measure the samples of the label map `key` that differ in one part only, `resampled`, which lies at `inside`.

        Raises:
            ParamsError: if there is no such class, or it is no id.
        """
        part = whole(resampled, "resampled", high=self.highest)
        within, without = region_diversity(
            image, inside, self.network, pairs=self.pairs, region=self.region, batch=self.batch
        )
        self.values[key, part] = (within.mean().item(), without.mean().item())
        self.samples = len(image)


@dataclass(eq=False, kw_only=True)
class RegionDiversity(PartDiversity):
    """Mean class-specific and other-classes diversity, mCSD and mOCD (CVPR 2020, section 4.1).

    The samples of a label map differ in one class only. mCSD is the distance inside the area of that class, mOCD
    outside it: each is the mean over the label maps that hold a class, then over classes.

    Example:
        >>> from smis.metrics.image import lpips
        >>> metric = RegionDiversity(lpips.load("stlpips_alex"), classes=2)
        >>> left = torch.arange(32).expand(32, 32) < 16
        >>> metric.update("map 1", (torch.rand(2, 3, 32, 32) - 0.5) * left, left, resampled=0)
        >>> csd, ocd = metric.compute(Bootstrap(resamples=10))
        >>> csd.value > 0, ocd.value
        (True, 0.0)
    """

    classes: int
    """Number of classes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.classes = whole(self.classes, "classes", high=MOST_CLASSES)

    @property
    def highest(self) -> int:
        """The largest id of a class."""
        return self.classes - 1

    def tables(self) -> tuple[list[str], PerClass, PerClass]:
        """Return the keys of the label maps, and the values inside and outside by (map, class): NaN without samples."""
        keys = sorted({key for key, _ in self.values})
        inside, outside = np.full((2, len(keys), self.classes), np.nan)
        for (key, resampled), (within, without) in self.values.items():
            inside[keys.index(key), resampled] = within
            outside[keys.index(key), resampled] = without
        return keys, inside, outside

    def compute(self, bootstrap: Bootstrap) -> tuple[Result, Result]:
        """Return mCSD and mOCD."""
        check_bootstrap(bootstrap)
        keys, inside, outside = self.tables()
        measured = int((~np.isnan(inside)).any(axis=0).sum())
        protocol = self.protocol(keys, bootstrap, classes=measured)
        means = {"mCSD": _mean_of_class_means(inside, bootstrap), "mOCD": _mean_of_class_means(outside, bootstrap)}
        csd, ocd = (
            Result.drawn(name, float(values[0]), draws=values[1:], protocol=protocol) for name, values in means.items()
        )
        return csd, ocd


def _mean_of_class_means(table: PerClass, bootstrap: Bootstrap) -> Draws:
    """Return the value, then that of each resample; one without a label map of some class averages over the others."""
    counts = np.concatenate([np.ones((1, len(table))), bootstrap.counts(len(table))])
    sums, maps = counts @ np.nan_to_num(table), counts @ ~np.isnan(table)
    means = np.divide(sums, maps, out=np.full_like(sums, np.nan), where=maps > 0)
    return np.nansum(means, axis=1) / (maps > 0).sum(axis=1)


class InstanceDiversity(PartDiversity):
    """Mean instance-specific and other-instances diversity, mISD and mOISD (after CVPR 2021).

    The samples of a label map differ in one instance only. mISD is the distance inside the area of that instance, mOISD
    outside it: each is the mean over the instances of a label map, then over label maps.

    Example:
        >>> from smis.metrics.image import lpips
        >>> metric = InstanceDiversity(lpips.load("stlpips_alex"))
        >>> image = torch.zeros(2, 3, 32, 32)  # the instance changes nothing
        >>> metric.update("map 1", image, torch.arange(32).expand(32, 32) < 16, resampled=3)
        >>> [result.value for result in metric.compute(Bootstrap(resamples=10))]
        [0.0, 0.0]
    """

    def per_map(self) -> dict[str, Float[ndarray, "2"]]:
        """Return the means over the instances of each label map, inside and outside."""
        values: dict[str, list[tuple[float, float]]] = {}
        for key, instance in sorted(self.values):
            values.setdefault(key, []).append(self.values[key, instance])
        return {key: np.mean(each, axis=0) for key, each in values.items()}

    def compute(self, bootstrap: Bootstrap) -> tuple[Result, Result]:
        """Return mISD and mOISD."""
        check_bootstrap(bootstrap)
        means = self.per_map()
        protocol = self.protocol(means, bootstrap, instances=len(self.values))
        isd, oisd = (
            Result.mean(name, {key: both[side] for key, both in means.items()}, bootstrap, protocol=protocol)
            for side, name in enumerate(("mISD", "mOISD"))
        )
        return isd, oisd
