"""Anyone's photographs: images/, labels/ and, where there are any, instances/, paired by name; whole, or in tiles."""

import operator
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from smis.core.errors import ParamsError
from smis.core.images import Color, voc_color
from smis.datasets.folder.folder_splits import WHOLE, pairs, split_up, unpaired
from smis.datasets.io.file_reader import ClassTable, FileReader, FilesConfig, Side, parse_classes
from smis.datasets.io.raw_files import MultiRoot, open_files
from smis.datasets.io.raw_maps import Identity, Instances, MapReader, check_relabel

UNLABELED = "unlabeled"
_UNLABELED_COLOR = (64, 64, 64)
_MOST = 255
FILE = "classes.txt"


def classes_file(files: MultiRoot) -> tuple[list[str], list[Color] | None]:
    """Read classes.txt beside images/: a name in each line and, if every line has them, red green blue (0 to 255).

    Raises:
        ParamsError: if there is no such file, it cannot be read, or a line does not fit.
    """
    places = [name for name in files.names() if name.partition(":")[2].rpartition("/")[2] == FILE]
    if not places:
        raise ParamsError(f"datasets.folder.classes: give a list, or put {FILE} beside images/, a name in each line")
    lines = _lines(files, places[0])
    names, colors = parse_classes(lines)
    if len(names) != len(lines) or not 1 <= len(lines) <= _MOST or len(colors) not in (0, len(lines)):
        remedy = f"1 to {_MOST} lines of `name` or, all of them, `name red green blue` (0 to 255)"
        raise ParamsError(f"{files.title(places[0])} does not fit: write {remedy}")
    return names, colors or None


def _lines(files: MultiRoot, place: str) -> list[str]:
    """Return the lines up to the last one that is not blank; the number of a line is a class id."""
    title = files.title(place)
    try:
        lines = [line.strip() for line in files.read(place).decode("utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise ParamsError(f"{title} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        remedy = getattr(error, "remedy", "make it readable")
        raise ParamsError(f"cannot read {title} ({reason}); {remedy}, or set datasets.folder.classes") from None
    if "" in lines:
        blank = f"line {lines.index('') + 1} of {title} is blank, but lines are counted as class ids, from 0"
        raise ParamsError(f"{blank}; name the class there, or take the line out")
    return lines


def described(names: Sequence[str], palette: Sequence[Color] | None, *, ignore: int | None) -> ClassTable:
    """Give every class a color, and pixels that nobody labeled a class.

    Raises:
        ParamsError: if the ignored id is a class, or two classes have one name.
    """
    if ignore is not None and ignore < len(names):
        raise ParamsError(f"datasets.folder.ignore: id {ignore} is class {names[ignore]!r} already; give another")
    colors = palette or [voc_color(number) for number in range(len(names))]
    more = ignore is not None
    known = [*names, *[UNLABELED] * more]
    for number, name in enumerate(known):
        if known.index(name) < number:
            both = f"ids {known.index(name)} and {number} are both {name!r}"
            raise ParamsError(f"datasets.folder.classes, or {FILE}: {both}; give each a name of its own")
    return ClassTable(known, [*colors, *[_UNLABELED_COLOR] * more], ignored=[len(names)] * more)


Share = Annotated[float, Field(ge=0, lt=1)]


class Config(FilesConfig):
    """Describe images/NAME.{png,jpg,jpeg}, labels/NAME.png and instances/NAME.png below `root`.

    A label map has one channel that holds class ids (gray or palette PNG), an instance map one of 8 or 16 bits.
    """

    source = "your own images"
    license = "yours to say"
    citation = ""

    classes: Annotated[list[str], Field(min_length=1, max_length=255)] | None = None
    """Names by class id; where not given, the lines of classes.txt beside images/."""
    palette: list[Color] | None = None
    """Colors by class id; made up where not given."""
    size: tuple[Side, Side]
    """Height and width that every image is resized to."""
    load_size: tuple[Side, Side] | None = None
    """Training images are resized to this instead, and in each epoch another place of `size` is cut from them."""
    ignore: Annotated[int, Field(ge=0)] | None = None
    """The id of pixels that nobody labeled; they become one more class, as in the released code of SPADE."""
    relabel: Annotated[dict[Identity, Identity], Field(exclude_if=operator.not_)] = {}
    """Class ids by the ids that maps have instead, for example {255: 1}."""
    instances: Instances | None = None
    """Where objects come from; not given: from instances/ if there is such a folder, or else a class is one."""
    validation: Share | list[str] = 0.1
    """A share of the images, or their names."""
    test: Share | list[str] = 0.1
    tile: Side | None = None
    """Cut each image into squares of so many pixels before resizing."""
    stride: Side | None = None
    """From tile to tile; a tile where not given, less where tiles shall overlap."""
    seed: int = 0
    """Decides which images the shares take."""

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
        return self

    def build(self) -> FileReader:
        """Find the files and return their reader.

        Raises:
            ParamsError: if there are no images, or the classes are said nowhere.
        """
        files = open_files(self.root)
        names, colors = (self.classes, self.palette) if self.classes else classes_file(files)
        classes = described(names, colors, ignore=self.ignore)
        check_relabel(self.relabel, classes=len(classes.names), setting="datasets.folder.relabel")
        found = pairs(files, given=None if self.instances is None else self.instances == "given")
        samples, uncut = split_up(found, files, self)
        maps = MapReader(
            files,
            len(classes.names),
            self.instances or "classes",
            self.relabel | ({} if self.ignore is None else {self.ignore: len(names)}),
            setting="datasets.folder.relabel",
            remedy="was {high} left in as 'unlabeled'? set datasets.folder.ignore: {high}" * (self.ignore is None),
        )
        return FileReader(
            self,
            classes,
            maps,
            samples=samples,
            stamp=files.stamp(name for entry in found.entries.get(WHOLE, ()) for name in entry.files),
            problems=[*unpaired(found, self), *uncut],
            upright=True,
        )
