"""Mean distance of pairs of images: reconstructions and their originals, two methods on one input."""

from collections.abc import Sequence

import numpy as np
import torch

from smis.core.shapes import Image
from smis.metrics.image import lpips
from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.result import Bootstrap, Result, of_maps


class PairedDistance:
    """Gather the distance of each pair.

    The value is named after its network, `paired_lpips_alex`: `lpips_alex` is the diversity, where larger is better.
    """

    def __init__(self, network: PerceptualDistance) -> None:
        self._network = network
        self.values: dict[str, float] = {}

    def update(self, keys: Sequence[str], first: Image, second: Image) -> None:
        """Measure a batch of pairs, -1..1."""
        with torch.inference_mode():
            self.values |= dict(zip(keys, self._network(first, second).tolist(), strict=True))

    def merge(self, other: "PairedDistance") -> None:
        """Take over what another process measured."""
        self.values |= other.values

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Return the mean over pairs."""
        values = np.array([self.values[key] for key in sorted(self.values)])
        protocol = lpips.protocol(self._network.name) | of_maps(self.values)
        protocol |= {"samples": 1, "pairs": "two given images", **bootstrap.protocol}
        draws = bootstrap.means(values)
        return Result.drawn(f"paired_{self._network.name}", float(values.mean()), draws=draws, protocol=protocol)
