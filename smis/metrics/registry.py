"""Metrics by the name that their stored values carry; each row leads to what gathers it."""

from smis.core.registry import Registry

METRICS = Registry(
    "metric",
    {
        "accuracy": "smis.metrics.segmentation:Segmentation",
        "fd_stlpips_vgg": "smis.metrics.fid:FrechetDistance",
        "images_per_second": "smis.metrics.cost:images_per_second",
        "mCSD": "smis.metrics.diversity:RegionDiversity",
        "mIoU": "smis.metrics.segmentation:Segmentation",
        "mOCD": "smis.metrics.diversity:RegionDiversity",
        "parameters_g": "smis.metrics.cost:parameter_counts",
        "parameters_ge": "smis.metrics.cost:parameter_counts",
        "stlpips_alex": "smis.metrics.diversity:Diversity",
    },
)
