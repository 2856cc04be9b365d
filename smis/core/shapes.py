"""Shapes and ranges that everyone shares.

Images are float in -1..1 from loader to loss, uint8 (height, width, 3) on disk. Label maps hold class ids
0..classes-1; instance maps hold ids 0..instances-1 that start at 0 in every image and cover every pixel
(a class without instances is one instance).
"""

from collections.abc import Sequence

from jaxtyping import Float, Int, UInt8, UInt16
from numpy import ndarray
from torch import Tensor

Image = Float[Tensor, "b 3 h w"]
LabelMap = Int[Tensor, "b h w"]
InstanceMap = Int[Tensor, "b h w"]
Sketch = Float[Tensor, "b 1 h w"]
"""Lines: 0 where there is nothing, 1 where there is a line."""

ImageArray = UInt8[ndarray, "h w 3"]
"""One image as it lies on disk."""
LabelArray = UInt8[ndarray, "h w"]
"""One label map as it lies on disk."""
InstanceArray = UInt16[ndarray, "h w"]
"""One instance map as it lies on disk."""


def size_text(size: Sequence[int]) -> str:
    """Write a size as people read it here: height x width, whatever it begins with.

    Example:
        >>> size_text((96, 128)), size_text((96, 128, 3))
        ('96 x 128', '96 x 128')
    """
    return f"{size[0]} x {size[1]}"
