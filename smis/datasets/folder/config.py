"""What a person says about a folder of labelled pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator, model_validator

from smis.core import config

if TYPE_CHECKING:
    from smis.datasets.folder.reader import Reader

Share = Annotated[float, Field(ge=0, lt=1)]
Colour = tuple[int, int, int]

UNLABELLED = "unlabelled"


class Config(config.Config):
    """Describe images/NAME.{png,jpg,jpeg}, labels/NAME.png and instances/NAME.png below `root`.

    A label map has one channel that holds class ids (grey or palette PNG), an instance map one of 8 or 16 bits.
    """

    root: Path
    classes: Annotated[list[str], Field(min_length=1, max_length=255)]
    """Names by class id."""
    palette: list[Colour] | None = None
    """Colours by class id; made up where not given."""
    size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
    """Height and width that every picture is resized to."""
    ignore: Annotated[int, Field(ge=0)] | None = None
    """The id of pixels that nobody labelled; they become one more class, as in the released code of SPADE."""
    validation: Share | list[str] = 0.1
    """A share of the pictures, or their names."""
    test: Share | list[str] = 0.1
    tile: Annotated[int, Field(gt=0)] | None = None
    """Cut each picture into squares of so many pixels before resizing."""
    stride: Annotated[int, Field(gt=0)] | None = None
    """From tile to tile; a tile where not given, less where tiles shall overlap."""
    seed: int = 0
    """Decides which pictures the shares take."""

    @field_validator("ignore")
    @classmethod
    def _is_no_class(cls, ignore: int | None, info: object) -> int | None:
        classes = getattr(info, "data", {}).get("classes", [])
        if ignore is not None and ignore < len(classes):
            raise ValueError(f"id {ignore} is class {classes[ignore]!r} already; take it off the one list or the other")
        return ignore

    @model_validator(mode="after")
    def _fits(self) -> "Config":
        if self.palette is not None and len(self.palette) != len(self.classes):
            raise ValueError(f"palette has {len(self.palette)} colours for {len(self.classes)} classes")
        if self.stride is not None and self.tile is None:
            raise ValueError("stride says how far apart tiles are, but no tile is given")
        shares = [share for share in (self.validation, self.test) if isinstance(share, float)]
        if sum(shares) >= 1:
            raise ValueError("validation and test together leave nothing to train on")
        return self

    @property
    def names(self) -> list[str]:
        """All classes, with the one for pixels that nobody labelled."""
        return [*self.classes, *([UNLABELLED] if self.ignore is not None else [])]

    @property
    def colours(self) -> list[Colour]:
        """A colour for each of `names`."""
        given = self.palette or [made_up(number) for number in range(len(self.classes))]
        return [*given, *([(64, 64, 64)] if self.ignore is not None else [])]

    def build(self) -> "Reader":
        """Look into the folder.

        Raises:
            ImageError: if there are no pictures, or two of one name.
            LabelError: if a picture has no label map, or the other way round.
        """
        from smis.datasets.folder.reader import Reader

        return Reader(self)


def made_up(number: int) -> Colour:
    """Return the colour that PASCAL VOC's palette has at a place: the bits of the number, dealt to red, green, blue."""
    colour = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            colour[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
    return colour[0], colour[1], colour[2]
