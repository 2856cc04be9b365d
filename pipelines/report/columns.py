"""The columns of the result tables: title, direction, format and meaning of each metric."""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One metric; `name` is its name in metrics/*.json."""

    name: str
    title: str
    better: Literal["more", "less"] | None = None
    scale: float = 1.0
    decimals: int = 3
    unit: str = ""
    meaning: str = ""
    cost: bool = False
    """Whether it belongs to the table of costs, whose results may be of different devices."""
    needs: str = ""
    """A metric that must be above 0 for a system to be the best: a system without diversity cannot win at mOCD."""

    @property
    def arrow(self) -> str:
        """The arrow that points in the better direction."""
        return {"more": "↑", "less": "↓", None: ""}[self.better]

    @property
    def heading(self) -> str:
        """Title, arrow and unit."""
        return " ".join(part for part in (f"{self.title}{self.arrow}", self.unit) if part)

    def write(self, value: float) -> str:
        """Format a value as the table shows it."""
        return f"{value * self.scale:.{self.decimals}f}"


_MEANINGS = {
    "fd_stlpips_vgg": "Fréchet distance between generated and real images in the features of a shift-tolerant VGG-16 "
    "(not Inception's, so not comparable with published FID).",
    "kd_stlpips_vgg": "Kernel distance between the same two sets of features, unbiased on few images (not Inception's, "
    "so not comparable with published KID).",
    "fid": "Fréchet Inception distance, as pytorch-fid measures it.",
    "kid": "Kernel Inception distance, unbiased on few images.",
    "mCSD": "How much a class varies when only its own latent code is resampled: distance inside the class, "
    "mean over classes.",
    "mOCD": "How much the rest of the image varies when only one class is resampled: distance outside the class, "
    "mean over classes.",
    "mISD": "As mCSD, for one instance instead of one class; a system without latent codes per instance resamples "
    "the class of the instance.",
    "mOISD": "As mOCD, outside the instance.",
    "stlpips_alex": "Distance between samples of one label map when everything is resampled, by shift-tolerant LPIPS "
    "on AlexNet (not the LPIPS of the papers).",
    "mIoU": "How well a segmentation network, trained on real images, recovers the label map from generated images: "
    "intersection over union, mean over classes.",
    "accuracy": "The share of pixels whose class that network recovers.",
    "SHE": "The share of people's answers that two images differ in one semantic area only, when one class is "
    "resampled (GroupDNet, section 4.1).",
    "preference": "How often people prefer the system to another, mean over the others (Bradley-Terry).",
    "odd_one_out": "How often people find the image with one class resampled among two that are equal; 33.3 by chance.",
    "images_per_second": "From label map to image with new latent codes, after warm-up, median over label maps.",
    "parameters_ge": "Parameters of generator and encoder, as counted in the GroupDNet paper.",
    "parameters_g": "Parameters of the generator alone, as counted in the INADE paper.",
    "flops": "Operations of matrix products and convolutions per image, a multiply-add as two, mean of label maps.",
    "peak_memory": "Peak memory while generating one image: on a GPU the memory allocated by torch, on a CPU that of "
    "the process.",
}
_LPIPS = ("lpips_alex", "lpips_vgg", "lpips_squeeze", "stlpips_vgg16")
_MEANINGS |= {
    name: f"Distance between samples of one label map when everything is resampled, by {name}." for name in _LPIPS
}
_COLUMNS = (
    Column("fd_stlpips_vgg", "FD", "less", decimals=1),
    Column("kd_stlpips_vgg", "KD", "less", decimals=3),
    Column("fid", "FID", "less", decimals=2),
    Column("kid", "KID", "less", decimals=4),
    Column("mCSD", "mCSD", "more", decimals=4),
    Column("mOCD", "mOCD", "less", decimals=4, needs="mCSD"),
    Column("mISD", "mISD", "more", decimals=4),
    Column("mOISD", "mOISD", "less", decimals=4, needs="mISD"),
    Column("stlpips_alex", "Diversity", "more", decimals=4),
    *(Column(name, "LPIPS", "more", decimals=4) for name in _LPIPS),
    Column("mIoU", "mIoU", "more", scale=100, decimals=1, unit="%"),
    Column("accuracy", "Accuracy", "more", scale=100, decimals=1, unit="%"),
    Column("SHE", "SHE", "more", decimals=1, unit="%"),
    Column("preference", "Preferred", "more", decimals=1, unit="%"),
    Column("odd_one_out", "Odd one found", "more", decimals=1, unit="%"),
    Column("images_per_second", "Speed", "more", decimals=1, unit="images/s", cost=True),
    Column("parameters_ge", "Parameters", "less", scale=1e-6, decimals=2, unit="M", cost=True),
    Column("parameters_g", "Generator", "less", scale=1e-6, decimals=2, unit="M", cost=True),
    Column("flops", "Operations", "less", scale=1e-9, decimals=2, unit="GFLOP", cost=True),
    Column("peak_memory", "Memory", scale=2.0**-20, decimals=0, unit="MiB", cost=True),
)
COLUMNS = tuple(replace(column, meaning=_MEANINGS[column.name]) for column in _COLUMNS)
REAL = "_real"
"""Suffix of a metric measured on real images, an upper bound of the metric without the suffix."""


def columns(names: set[str]) -> list[Column]:
    """Return the columns of these metrics; unknown ones come last, without a better direction."""
    known = {column.name for column in COLUMNS}
    others = sorted(name for name in names - known if not name.endswith(REAL))
    return [column for column in COLUMNS if column.name in names] + [Column(name, name) for name in others]
