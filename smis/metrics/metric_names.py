"""Metrics by the name that their stored values carry; each row leads to what gathers it."""

from smis.core.registry import Registry

METRICS = Registry(
    "metric",
    {
        "SHE": "smis.metrics.human:SemanticEvaluation",
        "accuracy": "smis.metrics.segmentation:Segmentation",
        "fd_stlpips_vgg": "smis.metrics.image.fid:FrechetDistance",
        "fid": "smis.metrics.image.fid:FrechetDistance",
        "flops": "smis.metrics.cost:Cost",
        "images_per_second": "smis.metrics.cost:Cost",
        "kd_stlpips_vgg": "smis.metrics.kid:KernelDistance",
        "kid": "smis.metrics.kid:KernelDistance",
        "lpips_alex": "smis.metrics.image.sample_diversity:Diversity",
        "lpips_squeeze": "smis.metrics.image.sample_diversity:Diversity",
        "lpips_vgg": "smis.metrics.image.sample_diversity:Diversity",
        "mCSD": "smis.metrics.image.sample_diversity:RegionDiversity",
        "mISD": "smis.metrics.image.sample_diversity:InstanceDiversity",
        "mIoU": "smis.metrics.segmentation:Segmentation",
        "mOCD": "smis.metrics.image.sample_diversity:RegionDiversity",
        "mOISD": "smis.metrics.image.sample_diversity:InstanceDiversity",
        "paired_lpips_alex": "smis.metrics.paired:PairedDistance",
        "paired_lpips_squeeze": "smis.metrics.paired:PairedDistance",
        "paired_lpips_vgg": "smis.metrics.paired:PairedDistance",
        "paired_stlpips_alex": "smis.metrics.paired:PairedDistance",
        "paired_stlpips_vgg16": "smis.metrics.paired:PairedDistance",
        "parameters_g": "smis.metrics.cost:Cost",
        "parameters_ge": "smis.metrics.cost:Cost",
        "peak_memory": "smis.metrics.cost:Cost",
        "stlpips_alex": "smis.metrics.image.sample_diversity:Diversity",
        "stlpips_vgg16": "smis.metrics.image.sample_diversity:Diversity",
    },
)

DERIVED = {r"mIoU_real": "mIoU", r"accuracy_real": "accuracy", r"IoU_\d+": "mIoU"}
"""Names of values that a metric gives besides, as patterns, and the row that they are derived from: `_real` is what the
segmenter reaches on real pictures, `IoU_3` is class 3's part of mIoU."""
