"""What is said about every official data set: where it lies, and how it becomes pictures of one size."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from smis.core.config import Config
from smis.datasets.reading.instances import Instances

Side = Annotated[int, Field(gt=0)]
Identity = Annotated[int, Field(ge=0)]

TRAIN, VALIDATION, TEST = "train", "validation", "test"


class Section(Config):
    """Resize pictures with PIL's bicubic filter and maps with its nearest, as the released code does."""

    source: ClassVar[str]
    """Where the data comes from."""
    licence: ClassVar[str]
    """What it may be used for; nothing of it is redistributed here."""
    citation: ClassVar[str]
    published: ClassVar[dict[str, int]] = {}
    """How many pictures the release has, by split (ours), or in `all`."""

    root: str | list[str]
    """A folder, a zip or tar file, s3://BUCKET/PREFIX, or several of them."""
    version: str = ""
    """Which raw data this is, for example the md5 in its .dvc file: with another, DVC prepares anew."""
    size: tuple[Side, Side]
    """Height and width that tests are measured at, and training sees."""
    load: tuple[Side, Side] | None = None
    """Training pictures are resized to this first, and a place of `size` is cut; not given: resized to `size`."""
    crops: Annotated[int, Field(ge=1)] = 1
    """Places that are cut from each training picture, where `load` is given; drawn once, here."""
    instances: Instances
    relabel: dict[Identity, Identity] = {}
    """Ids in the files that are other classes here: "don't care" has to become one, {255: 0} for example."""
    validation: Annotated[int, Field(ge=0)] = 64
    """Training pictures that are looked at and never trained on, where the release has no third split."""
    seed: int = 0
    """Decides which pictures validation takes, and which places are cut."""

    @model_validator(mode="after")
    def _fits(self) -> "Section":
        if self.load is None and self.crops > 1:
            raise ValueError("crops says how many places are cut, but no load is given to cut them from")
        if self.load is not None and (self.load[0] < self.size[0] or self.load[1] < self.size[1]):
            raise ValueError(f"load {list(self.load)} is smaller than size {list(self.size)}, which is cut from it")
        return self
