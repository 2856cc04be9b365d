"""Metrics by the name that their stored values carry; each row leads to what gathers it."""

from smis.core.registry import Registry

METRICS = Registry(
    "metric",
    {
        "SHE": "smis.metrics.human:SemanticEvaluation",
        "accuracy": "smis.metrics.segmentation:Segmentation",
        "fd_stlpips_vgg": "smis.metrics.fid:FrechetDistance",
        "fid": "smis.metrics.fid:FrechetDistance",
        "flops": "smis.metrics.cost:Cost",
        "images_per_second": "smis.metrics.cost:Cost",
        "kd_stlpips_vgg": "smis.metrics.kid:KernelDistance",
        "kid": "smis.metrics.kid:KernelDistance",
        "lpips_alex": "smis.metrics.diversity:Diversity",
        "lpips_squeeze": "smis.metrics.diversity:Diversity",
        "lpips_vgg": "smis.metrics.diversity:Diversity",
        "mCSD": "smis.metrics.diversity:RegionDiversity",
        "mISD": "smis.metrics.instance_diversity:InstanceDiversity",
        "mIoU": "smis.metrics.segmentation:Segmentation",
        "mOCD": "smis.metrics.diversity:RegionDiversity",
        "mOISD": "smis.metrics.instance_diversity:InstanceDiversity",
        "parameters_g": "smis.metrics.cost:Cost",
        "parameters_ge": "smis.metrics.cost:Cost",
        "peak_memory": "smis.metrics.cost:Cost",
        "stlpips_alex": "smis.metrics.diversity:Diversity",
        "stlpips_vgg16": "smis.metrics.diversity:Diversity",
    },
)
