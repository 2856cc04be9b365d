"""Metrics by the name that their stored values carry; each row leads to what gathers it.

Example:
    >>> METRICS["mCSD"]
    'smis.metrics.image.sample_diversity:RegionDiversity'
"""

from smis.core.registry import Registry

_NETWORKS = ("lpips_alex", "lpips_squeeze", "lpips_vgg", "stlpips_alex", "stlpips_vgg16")
_NAMES = {
    "cost:Cost": ("flops", "images_per_second", "parameters_g", "parameters_ge", "peak_memory"),
    "human:SemanticEvaluation": ("SHE",),
    "image.fid:FrechetDistance": ("fd_stlpips_vgg", "fid"),
    "image.sample_diversity:Diversity": _NETWORKS,
    "image.sample_diversity:InstanceDiversity": ("mISD", "mOISD"),
    "image.sample_diversity:RegionDiversity": ("mCSD", "mOCD"),
    "kid:KernelDistance": ("kd_stlpips_vgg", "kid"),
    "paired:PairedDistance": tuple(f"paired_{network}" for network in _NETWORKS),
    "segmentation:Segmentation": ("accuracy", "mIoU"),
}
METRICS = Registry("metric", {name: f"smis.metrics.{place}" for place, names in _NAMES.items() for name in names})

DERIVED = {r"mIoU_real": "mIoU", r"accuracy_real": "accuracy", r"IoU_\d+": "mIoU"}
"""Names of values that a metric gives besides, as patterns, and the row that they are derived from: `_real` is what the
segmenter reaches on real pictures, `IoU_3` is class 3's part of mIoU."""
