"""What a person says about a folder of labeled pictures."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, field_validator, model_validator

from smis.core import config
from smis.datasets.io.instances import Instances
from smis.datasets.io.palette import Color
from smis.datasets.io.section import Side, check_load_size

if TYPE_CHECKING:
    from smis.datasets.folder.reader import Reader

Share = Annotated[float, Field(ge=0, lt=1)]


class Config(config.Config):
    """Describe images/NAME.{png,jpg,jpeg}, labels/NAME.png and instances/NAME.png below `root`.

    A label map has one channel that holds class ids (gray or palette PNG), an instance map one of 8 or 16 bits.
    """

    source: ClassVar[str] = "your own pictures"
    license: ClassVar[str] = "yours to say"
    citation: ClassVar[str] = ""

    root: str | list[str]
    """A folder, a zip or tar file, s3://BUCKET/PREFIX, or several of them."""
    version: str = ""
    """Which raw data this is, for example the md5 in its .dvc file: with another, DVC prepares anew."""
    classes: Annotated[list[str], Field(min_length=1, max_length=255)] | None = None
    """Names by class id; where not given, the lines of classes.txt beside images/."""
    palette: list[Color] | None = None
    """Colors by class id; made up where not given."""
    size: tuple[Side, Side]
    """Height and width that every picture is resized to."""
    load_size: tuple[Side, Side] | None = None
    """Training pictures are resized to this instead, and in each epoch another place of `size` is cut from them."""
    ignore: Annotated[int, Field(ge=0)] | None = None
    """The id of pixels that nobody labeled; they become one more class, as in the released code of SPADE."""
    instances: Instances | None = None
    """Where objects come from; not given: from instances/ if there is such a folder, or else a class is one."""
    validation: Share | list[str] = 0.1
    """A share of the pictures, or their names."""
    test: Share | list[str] = 0.1
    tile: Side | None = None
    """Cut each picture into squares of so many pixels before resizing."""
    stride: Side | None = None
    """From tile to tile; a tile where not given, less where tiles shall overlap."""
    seed: int = 0
    """Decides which pictures the shares take."""

    @field_validator("ignore")
    @classmethod
    def _is_no_class(cls, ignore: int | None, info: object) -> int | None:
        classes = getattr(info, "data", {}).get("classes") or []
        if ignore is not None and ignore < len(classes):
            raise ValueError(f"id {ignore} is class {classes[ignore]!r} already; take it off the one list or the other")
        return ignore

    @model_validator(mode="after")
    def _fits(self) -> "Config":
        if self.palette is not None and len(self.palette) != len(self.classes or []):
            raise ValueError(f"palette has {len(self.palette)} colors for {len(self.classes or [])} classes")
        if self.stride is not None and self.tile is None:
            raise ValueError("stride says how far apart tiles are, but no tile is given")
        shares = [share for share in (self.validation, self.test) if isinstance(share, float)]
        if sum(shares) >= 1:
            raise ValueError("validation and test together leave nothing to train on")
        check_load_size(self.load_size, self.size)
        return self

    def build(self) -> "Reader":
        """Look into the folder.

        Raises:
            ParamsError: if there are no pictures, or the classes are said nowhere.
        """
        from smis.datasets.folder.reader import Reader

        return Reader(self)
