"""How far apart the images of one label map are inside and outside the one instance that was drawn anew.

Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021) claim diversity of
instances; mISD and mOISD are SMIS's mCSD and mOCD (Zhu et al., CVPR 2020, section 4.1) with instances for classes.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from smis.core.shapes import Image
from smis.metrics.pairs import Region
from smis.metrics.part_diversity import PartDiversity
from smis.metrics.result import Bootstrap, Result


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
