"""Which images a folder has, and the split of each."""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from smis.core.errors import ImageError, ParamsError
from smis.core.shapes import size_text
from smis.datasets.io import raw_images
from smis.datasets.io.file_reader import TRAIN
from smis.datasets.io.pairing import FileLayout, PairedFiles, SampleFiles, SampleFilesTable, paired
from smis.datasets.io.problems import Problem, as_error
from smis.datasets.io.raw_files import MultiRoot, is_junk

if TYPE_CHECKING:
    from smis.datasets.folder import Config

PLAIN = FileLayout(
    title="images/NAME.png or .jpg, with labels/NAME.png and, where there are any, instances/NAME.png",
    image=r"(?P<split>)images/(?P<key>.+)\.(?i:png|jpg|jpeg)",
    labels=r"(?P<split>)labels/(?P<key>.+)\.(?i:png)",
    instances=r"(?P<split>)instances/(?P<key>.+)\.(?i:png)",
)

WHOLE = ""
"""The one split that PLAIN has."""
_FOLDER = re.compile(r"(?P<folder>(?P<place>\d+):(?:.*/)?images/).+\.(?i:png|jpg|jpeg)")
_ANY = re.compile(r"\d+:(?:.*/)?(?P<kind>images|labels)/(?P<key>.+)\.(?P<ending>[^./]+)")
_READ = {"images": ("png", "jpg", "jpeg"), "labels": ("png",)}
_REMEDIES = {
    "images": "pictures end in .png, .jpg or .jpeg; save it as one of these",
    "labels": "label maps end in .png, which keeps ids as they are; save it so",
}


def pairs(files: MultiRoot, *, given: bool | None) -> PairedFiles:
    """Find the images, by name; with their instance maps if these are given or, unasked, if any image has one.

    Raises:
        ParamsError: if there are no images, or they lie in several images/ of one root.
    """
    found = paired(files, (PLAIN,), instances=given is not False)
    if given is None and not any(entry.instances for entry in found.entries.get(WHOLE, ())):
        found = paired(files, (PLAIN,), instances=False)
    # a walk through millions of files takes its time, so that it is not repeated where all of them fit
    names = [name for name in files.names() if not is_junk(name)] if found.problems else []
    _check_folders(files, names or (entry.image for entry in found.entries.get(WHOLE, ())))
    return PairedFiles(found.entries, _explained(found.problems, files, names))


def _check_folders(files: MultiRoot, names: Iterable[str]) -> None:
    """Refuse train/images/ and val/images/: shares would be drawn over both, against what the person had in mind."""
    seen: dict[str, str] = {}
    for match in filter(None, map(_FOLDER.fullmatch, names)):
        first = seen.setdefault(match["place"], match["folder"])
        if first != match["folder"]:
            where = f"pictures lie in {files.title(first)} and in {files.title(match['folder'])}"
            one = "put all into one images/ and one labels/, or make root a list of the folders above these"
            remedy = (
                f"{one}; give each picture a name of its own, and list those of datasets.folder.validation and test"
            )
            raise ParamsError(f"datasets.folder.root: {where}, but folders do not say what is for training; {remedy}")


def _explained(problems: Sequence[Problem], files: MultiRoot, names: Iterable[str]) -> list[Problem]:
    """Where what a file lacks is there with an ending that is not read, say this instead."""
    keys = {problem.key for problem in problems}
    read: set[tuple[str, str]] = set()
    unread: dict[tuple[str, str], str] = {}
    for match in filter(None, map(_ANY.fullmatch, names)):
        if match["key"] not in keys:
            continue
        if match["ending"].lower() in _READ[match["kind"]]:
            read.add((match["kind"], match["key"]))
        else:
            unread[match["kind"], match["key"]] = match[0]
    why = {
        key: f"{files.title(name)} is not read: {_REMEDIES[kind]}"
        for (kind, key), name in unread.items()
        if (kind, key) not in read
    }
    return [replace(problem, why=why.get(problem.key, problem.why)) for problem in problems]


LEAST = 2
"""Samples that a split needs: one has no covariance, so that no distance to real images can be measured."""


class Tiles(SampleFilesTable):
    """The squares that images are cut into; `problems` are images that cannot be cut."""

    def __init__(self, entries: Iterable[SampleFiles], split: str, *, files: MultiRoot, tile: int, stride: int) -> None:
        super().__init__(entries)
        self._tile = tile
        self.problems: list[Problem] = []
        corners: list[tuple[int, int, int]] = []
        for number, entry in enumerate(map(super().__getitem__, range(super().__len__()))):
            try:
                corners += [(number, top, left) for top, left in _corners(files, entry, tile=tile, stride=stride)]
            except ImageError as error:
                self.problems.append(Problem(entry.key, split, str(error)))
        self._corners = np.array(corners, dtype=np.int32).reshape(-1, 3)
        """Of each tile: which image, top, left."""

    def __len__(self) -> int:
        return len(self._corners)

    def __getitem__(self, number: int) -> SampleFiles:
        image, top, left = self._corners[number].tolist()
        entry = super().__getitem__(image)
        box = (left, top, left + self._tile, top + self._tile)
        return replace(entry, key=f"{entry.key}@{top},{left}", box=box)


def _corners(files: MultiRoot, entry: SampleFiles, *, tile: int, stride: int) -> list[tuple[int, int]]:
    height, width = raw_images.image_size(files, entry.image, upright=True)
    if min(height, width) < tile:
        title = files.title(entry.image)
        raise ImageError(f"{title} is {size_text((height, width))}, too small for a tile of {tile}; make tile smaller")
    lefts = _starts(width, tile, stride=stride)
    return [(top, left) for top in _starts(height, tile, stride=stride) for left in lefts]


def _starts(length: int, tile: int, *, stride: int) -> list[int]:
    """Step over a side; the last tile ends where the image ends, so that nothing is left out."""
    starts = list(range(0, length - tile + 1, stride))
    return starts if starts[-1] == length - tile else [*starts, length - tile]


def split_up(
    found: PairedFiles, files: MultiRoot, config: "Config"
) -> tuple[dict[str, SampleFilesTable], list[Problem]]:
    """Share the images out, and cut them into tiles if that is asked for; return what cannot be cut, too.

    Raises:
        DataError: if there are too few images because files do not belong together.
        ParamsError: if there are too few for the shares.
    """
    entries = found.entries.get(WHOLE, SampleFilesTable())
    keys = [entry.key for entry in entries]
    shares = {"validation": config.validation, "test": config.test}
    least = 1 if config.tile else LEAST
    lacking = too_few(len(entries), **shares, least=least)
    if found.problems and (lacking or not entries):
        raise as_error(found.problems, name="folder", pictures=len(found.problems) + len(entries))
    if lacking:
        raise ParamsError(f"datasets.folder: {lacking}")
    samples: dict[str, SampleFilesTable] = {}
    problems: list[Problem] = []
    for name, chosen in divided(keys, **shares, seed=config.seed, least=least).items():
        of_split = (entries[bisect_left(keys, key)] for key in chosen)
        if not config.tile:
            samples[name] = SampleFilesTable(of_split)
            continue
        tiles = Tiles(of_split, name, files=files, tile=config.tile, stride=config.stride or config.tile)
        if _is_share(shares.get(name, 0.0)) and len(tiles) < LEAST and not tiles.problems:
            given = f"{config.tile} gives {len(tiles)} for {name}, but a split needs {LEAST}"
            raise ParamsError(f"datasets.folder.tile: {given}; make it smaller, or the share of {name} larger")
        samples[name] = tiles
        problems += tiles.problems
    return samples, problems


def unpaired(found: PairedFiles, config: "Config") -> list[Problem]:
    """Name the split of what does not pair: training, unless shares are drawn; then it was in no draw, and has none."""
    drawn = _is_share(config.validation) or _is_share(config.test)
    return found.problems if drawn else [replace(problem, split=TRAIN) for problem in found.problems]


def _is_share(asked: float | list[str]) -> bool:
    return not isinstance(asked, list) and asked > 0


def too_few(pictures: int, *, validation: float | list[str], test: float | list[str], least: int = LEAST) -> str | None:
    """Say what is missing where shares of so few images cannot give `least` to each split, training included."""
    wanted = {"validation": validation, "test": test}
    shares = {name: share for name, share in wanted.items() if not isinstance(share, list) and share > 0}
    listed = {key for names in wanted.values() if isinstance(names, list) for key in names}
    needed = least * (len(shares) + 1) + len(listed)
    if not shares or pictures >= needed:
        return None
    there = "1 picture gives" if pictures == 1 else f"{pictures} pictures give"
    given = " and ".join(f"{round(share * pictures)} for {name}" for name, share in shares.items())
    remedy = f"set {' and '.join(f'datasets.folder.{name}' for name in shares)} to lists of names"
    return f"{there} {given}, but a split needs {least}; {remedy}, or add pictures ({needed} or more)"


def divided(
    keys: list[str], *, validation: float | list[str], test: float | list[str], seed: int, least: int = LEAST
) -> dict[str, list[str]]:
    """Share out images, by lists of names or by shares of what no list names, in whatever order they come.

    A share takes `least` images at least. Where this leaves too little, `too_few` has said so.

    Raises:
        ParamsError: if a name in a list is no image or is in both lists, or too little is left to train on.
    """
    wanted = {"test": test, "validation": validation}
    splits = {name: _listed(name, names, keys=keys) for name, names in wanted.items() if isinstance(names, list)}
    taken = _apart(splits)
    shuffled = sorted(keys, key=lambda key: hashlib.sha256(f"{seed} {key}".encode()).digest())
    left = [key for key in shuffled if key not in taken]
    for name, share in wanted.items():
        if not isinstance(share, list):
            count = max(round(share * len(keys)), least if share > 0 else 0)
            splits[name], left = left[:count], left[count:]
    needed = least if any(map(_is_share, wanted.values())) else 1
    if len(left) < needed:
        given = f"validation and test take {len(keys) - len(left)} of {len(keys)} pictures"
        raise ParamsError(f"datasets.folder: {given}; leave {needed} or more to train on")
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
