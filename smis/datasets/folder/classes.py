"""Names and colors of somebody's classes, as a list or as a text file."""

import re
from collections.abc import Sequence

from smis.core.errors import ParamsError
from smis.datasets.io.files import Several
from smis.datasets.io.palette import Color, made_up
from smis.datasets.io.reader import Classes

UNLABELLED = "unlabeled"
_UNLABELED_COLOR = (64, 64, 64)
_LINE = re.compile(r"(?P<name>.*?)(?:\s+(?P<color>\d+\s+\d+\s+\d+))?")
_MOST = 255
FILE = "classes.txt"


def classes_file(files: Several) -> tuple[list[str], list[Color] | None]:
    """Read classes.txt beside images/: a name in each line and, if every line has them, red green blue (0 to 255).

    Raises:
        ParamsError: if there is no such file, it cannot be read, or a line does not fit.
    """
    places = [name for name in files.names() if name.partition(":")[2].rpartition("/")[2] == FILE]
    if not places:
        raise ParamsError(f"datasets.folder.classes: give a list, or put {FILE} beside images/, a name in each line")
    lines = _lines(files, places[0])
    found = [match for line in lines if (match := _LINE.fullmatch(line)) and match["name"]]
    colors = [tuple(int(part) for part in match["color"].split()) for match in found if match["color"]]
    deep = [color for color in colors if max(color) > 255]
    if len(found) != len(lines) or not 1 <= len(lines) <= _MOST or len(colors) not in (0, len(lines)) or deep:
        remedy = f"1 to {_MOST} lines of `name` or, all of them, `name red green blue` (0 to 255)"
        raise ParamsError(f"{files.title(places[0])} does not fit: write {remedy}")
    return [match["name"] for match in found], [(r, g, b) for r, g, b in colors] or None


def _lines(files: Several, place: str) -> list[str]:
    """Return the lines up to the last one that is not blank; the number of a line is a class id."""
    title = files.title(place)
    try:
        lines = [line.strip() for line in files.read(place).decode("utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise ParamsError(f"{title} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ParamsError(
            f"cannot read {title} ({reason}); make it readable, or give datasets.folder.classes"
        ) from None
    if "" in lines:
        blank = f"line {lines.index('') + 1} of {title} is blank, but lines are counted as class ids, from 0"
        raise ParamsError(f"{blank}; name the class there, or take the line out")
    return lines


def described(names: Sequence[str], palette: Sequence[Color] | None, *, ignore: int | None) -> Classes:
    """Give every class a color, and pixels that nobody labeled a class.

    Raises:
        ParamsError: if the ignored id is a class, or two classes have one name.
    """
    if ignore is not None and ignore < len(names):
        raise ParamsError(f"datasets.folder.ignore: id {ignore} is class {names[ignore]!r} already; give another")
    colors = palette or [made_up(number) for number in range(len(names))]
    more = ignore is not None
    known = [*names, *[UNLABELLED] * more]
    for number, name in enumerate(known):
        if known.index(name) < number:
            both = f"ids {known.index(name)} and {number} are both {name!r}"
            raise ParamsError(f"datasets.folder.classes, or {FILE}: {both}; give each a name of its own")
    return Classes(known, [*colors, *[_UNLABELED_COLOR] * more], ignored=[len(names)] * more)
