"""The columns of the papers' table: what each is called, which way is better, how it is written, what it means."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One metric. `name` is that of the stored values, and so of the protocol."""

    name: str
    title: str
    better: Literal["more", "less"] | None = None
    scale: float = 1.0
    decimals: int = 3
    unit: str = ""
    meaning: str = ""
    cost: bool = False
    """It stands in the table of costs, and may have been measured on several devices."""
    needs: str = ""
    """A metric that is above 0 for all systems that can be the best: stillness is no merit where nothing varies."""

    @property
    def arrow(self) -> str:
        """Say which way is better."""
        return {"more": "↑", "less": "↓", None: ""}[self.better]

    @property
    def heading(self) -> str:
        """Return title, arrow and unit."""
        return " ".join(part for part in (f"{self.title}{self.arrow}", self.unit) if part)

    def write(self, value: float) -> str:
        """Write a value as the table shows it."""
        return f"{value * self.scale:.{self.decimals}f}"


COLUMNS = (
    Column(
        "fd_stlpips_vgg",
        "FD",
        "less",
        decimals=1,
        meaning="Fréchet distance between generated and real images in the features of a shift-tolerant VGG-16 "
        "(not Inception's, so not comparable with published FID).",
    ),
    Column(
        "kd_stlpips_vgg",
        "KD",
        "less",
        decimals=3,
        meaning="Kernel distance between the same two sets of features, unbiased on few images (not Inception's, so "
        "not comparable with published KID).",
    ),
    Column("fid", "FID", "less", decimals=2, meaning="Fréchet Inception distance, as pytorch-fid measures it."),
    Column("kid", "KID", "less", decimals=4, meaning="Kernel Inception distance, unbiased on few images."),
    Column(
        "mCSD",
        "mCSD",
        "more",
        decimals=4,
        meaning="How much a class varies when only its own code is drawn anew: distance inside the area of the class, "
        "mean over classes.",
    ),
    Column(
        "mOCD",
        "mOCD",
        "less",
        decimals=4,
        needs="mCSD",
        meaning="How much everything else varies while only that class should: distance outside the area of the "
        "class, mean over classes.",
    ),
    Column(
        "mISD",
        "mISD",
        "more",
        decimals=4,
        meaning="As mCSD, with one instance in place of one class; a system without codes of instances draws the class "
        "of the instance anew.",
    ),
    Column(
        "mOISD",
        "mOISD",
        "less",
        decimals=4,
        needs="mISD",
        meaning="As mOCD, outside that instance.",
    ),
    Column(
        "stlpips_alex",
        "Diversity",
        "more",
        decimals=4,
        meaning="Distance between samples of one label map when everything is drawn anew, by shift-tolerant LPIPS on "
        "AlexNet (not the LPIPS of the papers).",
    ),
    *(
        Column(
            name,
            "LPIPS",
            "more",
            decimals=4,
            meaning=f"Distance between samples of one label map when everything is drawn anew, by {name}.",
        )
        for name in ("lpips_alex", "lpips_vgg", "lpips_squeeze", "stlpips_vgg16")
    ),
    Column(
        "mIoU",
        "mIoU",
        "more",
        scale=100,
        decimals=1,
        unit="%",
        meaning="A segmentation network, trained on real images, finds the label map again in the generated ones: "
        "intersection over union, mean over classes.",
    ),
    Column(
        "accuracy",
        "Accuracy",
        "more",
        scale=100,
        decimals=1,
        unit="%",
        meaning="The share of pixels whose class that network finds again.",
    ),
    Column(
        "images_per_second",
        "Speed",
        "more",
        decimals=1,
        unit="images/s",
        cost=True,
        meaning="From the label map to the image, codes drawn anew, warm, median of many label maps.",
    ),
    Column(
        "parameters_ge",
        "Parameters",
        "less",
        scale=1e-6,
        decimals=2,
        unit="M",
        cost=True,
        meaning="Learned numbers of generator and encoder together, as the GroupDNet paper counts.",
    ),
    Column(
        "parameters_g",
        "Generator",
        "less",
        scale=1e-6,
        decimals=2,
        unit="M",
        cost=True,
        meaning="Learned numbers of the generator alone, as the INADE paper counts.",
    ),
    Column(
        "flops",
        "Operations",
        "less",
        scale=1e-9,
        decimals=2,
        unit="GFLOP",
        cost=True,
        meaning="Of matrix products and convolutions for one image, a multiply-add as two, mean of the same maps.",
    ),
    Column(
        "peak_memory",
        "Memory",
        scale=2.0**-20,
        decimals=0,
        unit="MiB",
        cost=True,
        meaning="The most that was in use while one of those images was made: on a GPU what torch had allocated, "
        "on a CPU the whole process.",
    ),
)
REAL = "_real"
"""At the end of a name: measured on real images, the ceiling of the column before it."""


def columns(names: set[str]) -> list[Column]:
    """Return the columns of what was measured; one that is not known here stands last, without a judgment."""
    known = {column.name for column in COLUMNS}
    others = sorted(name for name in names - known if not name.endswith(REAL))
    return [column for column in COLUMNS if column.name in names] + [Column(name, name) for name in others]
