"""What mCSD, mOCD and mISD, mOISD have in common: samples in which one part of a label map alone was drawn anew."""

from collections.abc import Collection
from typing import Any

from smis.core.shapes import Image
from smis.metrics.pairs import Pairing, Region, RegionRule, region_diversity
from smis.metrics.perceptual_distance import PerceptualDistance
from smis.metrics.result import Bootstrap, of_maps


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
