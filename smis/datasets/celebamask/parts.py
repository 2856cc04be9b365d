"""A face's masks, one file for each part -> its label map."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy import ndarray

from smis.core.errors import LabelError, ParamsError
from smis.datasets.celebamask.classes import NAMES
from smis.datasets.celebamask.division import LIST, as_celeba, last
from smis.datasets.io.files import Files, Several, is_junk
from smis.datasets.io.pairing import compiled_at_end
from smis.datasets.io.problems import Problem
from smis.datasets.io.raw_images import read_map
from smis.datasets.io.section import TRAIN
from smis.datasets.io.table import Entry, Table

PARTS = NAMES[1:]
"""In the order of the release's g_mask.py: where parts overlap, the later one is seen."""
_IMAGE = compiled_at_end(r"CelebA-HQ-img/(?P<number>\d+)\.jpg")
_PART = compiled_at_end(r"CelebAMask-HQ-mask-anno/\d+/(?P<number>\d{5})_(?P<part>[a-z_]+)\.png")
_LIST = compiled_at_end(re.escape(LIST))


def merged(files: Files, names: Sequence[str]) -> ndarray:
    """Lay the parts over one another.

    Raises:
        LabelError: if a part is broken, or of another size than the others.
    """
    masks = [read_map(files, name) != 0 for name in names]
    labels = np.zeros(masks[0].shape, dtype=np.uint8)
    for name, mask in zip(names, masks, strict=True):
        if mask.shape != labels.shape:
            raise LabelError(f"{files.title(name)} is of another size than {files.title(names[0])}; copy both again")
        labels[mask] = _number(name)
    return labels


def _number(name: str) -> int:
    match = _PART.fullmatch(name)
    assert match, "only parts are listed"
    return 1 + PARTS.index(match["part"])


def whole_release(files: Several, *, division: str, instances: str) -> tuple[Mapping[str, Table], Sequence[Problem]]:
    """Find pictures with their parts, by split.

    Raises:
        ParamsError: if there are no pictures, or no list of CelebA's numbers, or instances are to be given.
        DataError: if that list cannot be read.
    """
    if instances == "given":
        raise ParamsError("datasets.celebamask.instances: the release has none; set classes or regions")
    images, parts, lists = _sorted_out(files.names())
    if not images:
        raise ParamsError("no file is named CelebA-HQ-img/NUMBER.jpg; set root to where CelebAMask-HQ lies")
    split_of = as_celeba(files, lists) if division == "celeba" else last(images)
    entries: dict[str, list[Entry]] = {}
    problems: list[Problem] = []
    for number in sorted(images.keys() | parts.keys()):
        split = split_of.get(number)
        why = _misfit(files, images.get(number, []), parts.get(number, {}), listed=split is not None)
        if why:
            problems.append(Problem(str(number), split or TRAIN, why))
        else:
            masks = tuple(parts[number][part][0] for part in PARTS if part in parts[number])
            entries.setdefault(split or TRAIN, []).append(Entry(str(number), images[number][0], masks))
    return {split: Table(found) for split, found in entries.items()}, problems


Parts = Mapping[str, Sequence[str]]
"""The files of each part of one face; one file, where nothing is wrong."""


def _sorted_out(names: Iterable[str]) -> tuple[Mapping[int, Sequence[str]], Mapping[int, Parts], Sequence[str]]:
    images: dict[int, list[str]] = {}
    parts: dict[int, dict[str, list[str]]] = {}
    lists: list[str] = []
    for name in (name for name in names if not is_junk(name)):
        if match := _PART.fullmatch(name):
            parts.setdefault(int(match["number"]), {}).setdefault(match["part"], []).append(name)
        elif match := _IMAGE.fullmatch(name):
            images.setdefault(int(match["number"]), []).append(name)
        elif _LIST.fullmatch(name):
            lists.append(name)
    return images, parts, lists


def _misfit(files: Several, images: Sequence[str], parts: Parts, *, listed: bool) -> str | None:
    doubled = next((found for found in (images, *parts.values()) if len(found) > 1), None)
    if doubled:
        return f"{' and '.join(map(files.title, doubled[:2]))} are of one name; take one of them away"
    if not images:
        return f"{files.title(next(iter(parts.values()))[0])} belongs to no picture; copy CelebA-HQ-img again"
    title = files.title(images[0])
    if not parts:
        return f"{title} has no masks; copy CelebAMask-HQ-mask-anno again, or take the picture away"
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        return f"{files.title(parts[unknown[0]][0])} is of no part that the release has; take it away"
    return None if listed else f"{title} is not in {LIST}; copy the list again"
