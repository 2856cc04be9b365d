"""What is said about every official data set: where it lies, and how it becomes pictures of one size."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from smis.core.config import Config
from smis.datasets.io.instances import Instances

Side = Annotated[int, Field(gt=0)]
Identity = Annotated[int, Field(ge=0)]

TRAIN, VALIDATION, TEST = "train", "validation", "test"
OF_FILES = {"root", "version", "validation", "test"}
"""Fields of a data set that say where files are and which splits they belong to, and not what becomes of one."""


def check_load_size(load_size: tuple[int, int] | None, size: tuple[int, int]) -> None:
    """Refuse to cut from pictures what is larger than they are loaded.

    Raises:
        ValueError: with both sizes (height, width).
    """
    if load_size is not None and (load_size[0] < size[0] or load_size[1] < size[1]):
        raise ValueError(
            f"load_size {list(load_size)} is smaller than size {list(size)}, which is cut from it; load larger"
        )


class Section(Config):
    """Resize pictures with PIL's bicubic filter and maps with its nearest, as the released code does."""

    source: ClassVar[str]
    """Where the data comes from."""
    license: ClassVar[str]
    """What it may be used for; nothing of it is redistributed here."""
    citation: ClassVar[str]
    published: ClassVar[dict[str, int]] = {}
    """How many pictures the release has, by split (ours), or in `all`."""

    root: str | list[str]
    """A folder, a zip or tar file, s3://BUCKET/PREFIX, or several of them."""
    version: str = ""
    """Which raw data this is, for example the md5 in its .dvc file: with another, DVC prepares anew."""
    size: tuple[Side, Side]
    """Height and width that systems see (the released `crop_size`); other pictures than for training are resized to
    it."""
    load_size: tuple[Side, Side] | None = None
    """Training pictures are resized to this, and in each epoch another place of `size` is cut from them; where null,
    they are resized to `size`."""
    instances: Instances
    relabel: dict[Identity, Identity] = {}
    """Ids in the files that are other classes here: "don't care" has to become one, {255: 0} for example."""
    validation: Annotated[int, Field(ge=0)] = 64
    """Training pictures that are looked at and never trained on, where the release has no third split."""
    seed: int = 0
    """Decides which pictures validation takes."""

    @model_validator(mode="after")
    def _fits(self) -> "Section":
        check_load_size(self.load_size, self.size)
        return self
