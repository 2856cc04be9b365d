"""The files that a person names: label maps, and what lies beside each."""

from collections.abc import Sequence
from pathlib import Path

from smis.core.errors import LabelError, ParamsError

_ENDINGS = (".png", ".jpg", ".jpeg")


def label_files(given: Sequence[Path]) -> list[Path]:
    """Return the label maps: files as they are, folders with all their PNG files.

    Raises:
        LabelError: if there is none, or two have one name and so would write the same pictures.
    """
    found: list[Path] = []
    for path in given:
        inside = sorted(path.glob("*.png")) if path.is_dir() else [path]
        if not inside:
            raise LabelError(f"there is no PNG file in {path}; give label maps, or a folder of them")
        found += inside
    names: dict[str, Path] = {}
    for path in found:
        if path.stem in names:
            raise LabelError(f"{names[path.stem]} and {path} have one name; rename one, or give them one at a time")
        names[path.stem] = path
    return found


def beside(given: Path | None, labels: Path, *, maps: int, option: str) -> Path | None:
    """Find the file that belongs to a label map: the only one, or that of its name in a folder.

    Raises:
        ParamsError: if there is none, or one file is given for many label maps.
    """
    if given is None:
        return None
    if given.is_dir():
        for ending in _ENDINGS:
            if (given / (labels.stem + ending)).is_file():
                return given / (labels.stem + ending)
        raise ParamsError(f"{given} has no {labels.stem}{_ENDINGS[0]} for {labels}; name files like the label maps")
    if maps > 1:
        raise ParamsError(f"{option} is one file, but there are {maps} label maps; give a folder with a file for each")
    return given
