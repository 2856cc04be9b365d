"""One row of a table of generated images: what the sampler yields and what `smis.data.samples` writes."""

from dataclasses import dataclass

from smis.core.shapes import Picture

RESAMPLED_ALL = -1
"""In place of a class or instance id in `SampleRow.resampled`: all latents were sampled anew."""


@dataclass(frozen=True, eq=False)
class SampleRow:
    """A generated image (RGB, 0..255), and what it was generated from.

    Example:
        >>> import numpy as np
        >>> row = SampleRow("street-1", sample=0, resampled=RESAMPLED_ALL, image=np.zeros((4, 8, 3), np.uint8))
        >>> row.key, row.resampled
        ('street-1', -1)
    """

    key: str
    """Key of the label map."""
    sample: int
    """Number of the sample of that label map, from 0."""
    resampled: int
    """The only class (in a file of instances: the only instance) that was sampled anew, or RESAMPLED_ALL."""
    image: Picture
