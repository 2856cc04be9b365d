"""Mean LPIPS of given pairs of images, as of reconstructions and their originals."""

from collections.abc import Sequence

import torch

from smis.core.shapes import Image
from smis.metrics.image import lpips
from smis.metrics.image.features import check_names
from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.result import Bootstrap, Result, check_bootstrap, of_maps


class PairedDistance:
    """Mean distance of pairs, named after the network: `paired_lpips_alex` (`lpips_alex` is the diversity).

    Example:
        >>> metric = PairedDistance(lpips.load("stlpips_alex"))
        >>> image = torch.zeros(2, 3, 32, 32)
        >>> metric.update(["a", "b"], image, image)
        >>> metric.compute(Bootstrap(resamples=10)).value
        0.0
    """

    def __init__(self, network: PerceptualDistance) -> None:
        self.network = network
        self.values: dict[str, float] = {}

    def update(self, keys: Sequence[str], first: Image, second: Image) -> None:
        """Measure a batch of pairs of images, -1..1.

        Raises:
            ImageError: as the network does.
            ParamsError: if there is not one key for each pair.
        """
        with torch.inference_mode():
            values = self.network(first, second).tolist()
        check_names(keys, len(values))
        self.values |= dict(zip(keys, values, strict=True))

    def merge(self, other: "PairedDistance") -> None:
        """Add the pairs that another process measured."""
        self.values |= other.values

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Return the mean over pairs."""
        check_bootstrap(bootstrap)
        protocol = lpips.protocol(self.network.name) | of_maps(self.values)
        protocol |= {"samples": 1, "pairs": "two given images", **bootstrap.protocol}
        return Result.mean(f"paired_{self.network.name}", self.values, bootstrap, protocol=protocol)
