"""Which files belong together: those of one name, never those at one place in a list."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from smis.core.errors import ImageError, LabelError, ParamsError

ENDINGS = (".jpeg", ".jpg", ".png")


@dataclass(frozen=True)
class Pair:
    """The files of one picture; without instances each class is one."""

    key: str
    image: Path
    labels: Path
    instances: Path | None


def pairs(root: Path) -> list[Pair]:
    """Find the pictures below a folder, by name.

    Raises:
        ImageError: if there are none, or two of one name.
        LabelError: if a map is missing or left over.
    """
    images = _by_name(root / "images", ENDINGS)
    if not images:
        raise ImageError(f"there are no pictures in {root / 'images'}; put PNG or JPEG files there, or set root")
    maps = {kind: _by_name(root / kind, (".png",)) for kind in ("labels", "instances")}
    for kind, found in maps.items():
        if found or kind == "labels":
            _compare(images, found, folder=root / kind)
    return [Pair(key, images[key], maps["labels"][key], maps["instances"].get(key)) for key in sorted(images)]


def _by_name(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in endings:
            key = path.relative_to(folder).with_suffix("").as_posix()
            if key in found:
                raise ImageError(f"{found[key]} and {path} have one name; rename one of them")
            found[key] = path
    return found


def _compare(images: dict[str, Path], maps: dict[str, Path], *, folder: Path) -> None:
    missing, left = sorted(images.keys() - maps.keys()), sorted(maps.keys() - images.keys())
    if missing:
        raise LabelError(f"{images[missing[0]]} has no {folder / missing[0]}.png{_more(missing)}; maps are PNG files")
    if left:
        raise LabelError(f"{maps[left[0]]} belongs to no picture{_more(left)}; take it away, or give it its picture")


def _more(keys: list[str]) -> str:
    return f", and so {len(keys) - 1} more" if len(keys) > 1 else ""


def divided(
    keys: list[str], *, validation: float | list[str], test: float | list[str], seed: int
) -> dict[str, list[str]]:
    """Share out pictures, by lists of names or by shares of what no list names, in whatever order they come.

    Raises:
        ParamsError: if a name in a list is no picture or is in both lists, or nothing is left to train on.
    """
    wanted = {"test": test, "validation": validation}
    splits = {name: _listed(name, names, keys=keys) for name, names in wanted.items() if isinstance(names, list)}
    taken = _apart(splits)
    shuffled = sorted(keys, key=lambda key: hashlib.sha256(f"{seed} {key}".encode()).digest())
    left = [key for key in shuffled if key not in taken]
    for name, share in wanted.items():
        if not isinstance(share, list):
            count = round(share * len(keys))
            splits[name], left = left[:count], left[count:]
    if not left:
        raise ParamsError(f"datasets.folder: validation and test take all {len(keys)} pictures; leave some to train on")
    splits["train"] = left
    return {name: sorted(splits[name]) for name in ("train", "validation", "test")}


def _apart(splits: dict[str, list[str]]) -> set[str]:
    taken = {key for names in splits.values() for key in names}
    twice = [key for key in sorted(taken) if all(key in names for names in splits.values())]
    if len(splits) == 2 and twice:
        raise ParamsError(f"datasets.folder: {twice[0]!r} is in validation and in test; take it off one of the lists")
    return taken


def _listed(name: str, wanted: list[str], *, keys: list[str]) -> list[str]:
    unknown = sorted(set(wanted) - set(keys))
    if unknown:
        raise ParamsError(f"datasets.folder.{name}: there is no picture named {unknown[0]!r}; names have no ending")
    return sorted(set(wanted))
