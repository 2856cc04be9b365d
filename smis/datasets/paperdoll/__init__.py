"""People in clothes, drawn by code: the built-in data set."""

from typing import ClassVar

from pydantic import Field

from smis.core import config
from smis.datasets.paperdoll.layout import Layout
from smis.datasets.paperdoll.paper_doll import PaperDoll

__all__ = ["Config", "Layout", "PaperDoll"]


class Config(config.Config):
    """How many images of how many people, and how large; one seed gives one data set.

    Example:
        >>> first, second = (Config(size=32).build().read("train", 7) for _ in range(2))
        >>> first.image.shape, bool((first.image == second.image).all())
        ((32, 32, 3), True)
    """

    source: ClassVar[str] = "drawn by this code"
    license: ClassVar[str] = "Apache-2.0, as the code"
    citation: ClassVar[str] = ""

    size: int = Field(default=64, ge=16, le=512)
    """Height and width in pixels."""
    people: int = Field(default=1, ge=1, le=3)
    """People side by side in each image."""
    train: int = Field(default=3000, ge=1)
    validation: int = Field(default=128, ge=1)
    test: int = Field(default=256, ge=1)
    seed: int = Field(default=0, ge=0)

    def build(self) -> PaperDoll:
        """Make the reader."""
        return PaperDoll(
            size=self.size,
            people=self.people,
            counts={"train": self.train, "validation": self.validation, "test": self.test},
            seed=self.seed,
        )
