"""Metrics of quality, diversity and cost; each module is one metric, imported on first use.

from smis.metrics import model_diversity
from smis.metrics.image import fid

fid.measure(real_images, fake_images).value
model_diversity.measure(generate, {"map 1": labels})["mCSD"].value

The distances and shares are functions of tensors, without any network:

>>> import torch
>>> from smis.metrics.image.feature_statistics import Moments
>>> from smis.metrics.image.fid import frechet_distance
>>> moments = Moments(2)
>>> moments.update(torch.randn(10, 2))
>>> round(frechet_distance(moments.statistics(), moments.statistics()), 6)
0.0
"""

from importlib import import_module
from types import ModuleType

_IMAGE = {"fid", "lpips"}
__all__ = ["cost", "fid", "human", "kid", "lpips", "model_diversity", "segmentation"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.image.{name}" if name in _IMAGE else f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; there are: {', '.join(__all__)}")
