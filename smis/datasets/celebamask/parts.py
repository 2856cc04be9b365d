"""A face's masks, one file for each part -> its label map."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy import ndarray

from smis.core.errors import LabelError, ParamsError
from smis.datasets.celebamask.classes import NAMES
from smis.datasets.reading.files import Files, Several
from smis.datasets.reading.pairing import Entry, compiled_at_end
from smis.datasets.reading.pictures import read_ids
from smis.datasets.reading.problems import Problem
from smis.datasets.reading.section import TEST, TRAIN, VALIDATION

PARTS = NAMES[1:]
"""In the order of the release's g_mask.py: where parts overlap, the later one is seen."""
_IMAGE = compiled_at_end(r"CelebA-HQ-img/(?P<number>\d+)\.jpg")
_PART = compiled_at_end(r"CelebAMask-HQ-mask-anno/\d+/(?P<number>\d{5})_(?P<part>[a-z_]+)\.png")
_LIST = compiled_at_end(r"CelebA-HQ-to-CelebA-mapping\.txt")
_VALIDATION_FROM, _TEST_FROM = 162771, 182638
"""Numbers in CelebA at which its splits begin, as the release's g_partition.py compares them."""
_TESTS = 2000


def merged(files: Files, names: Sequence[str]) -> ndarray:
    """Lay the parts over one another.

    Raises:
        LabelError: if a part is broken, or of another size than the others.
    """
    masks = [read_ids(files, name) != 0 for name in names]
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


def whole_release(
    files: Several, *, division: str, instances: str
) -> tuple[Mapping[str, Sequence[Entry]], Sequence[Problem]]:
    """Find pictures with their parts, by split.

    Raises:
        ParamsError: if there are no pictures, or no list of CelebA's numbers, or instances are to be given.
    """
    if instances == "given":
        raise ParamsError("datasets.celebamask.instances: the release has none; set classes or regions")
    images, parts, lists = _sorted_out(files.names())
    if not images:
        raise ParamsError("no file is named CelebA-HQ-img/NUMBER.jpg; set root to where CelebAMask-HQ lies")
    split_of = _as_celeba(files, lists) if division == "celeba" else _last(images)
    entries: dict[str, list[Entry]] = {}
    problems: list[Problem] = []
    for number in sorted(images.keys() | parts.keys()):
        split = split_of.get(number)
        why = _misfit(files, images.get(number), parts.get(number, {}), listed=split is not None)
        if why:
            problems.append(Problem(str(number), split or TRAIN, why))
        else:
            masks = tuple(parts[number][part] for part in PARTS if part in parts[number])
            entries.setdefault(split or TRAIN, []).append(Entry(str(number), images[number], masks))
    return entries, problems


def _sorted_out(names: Iterable[str]) -> tuple[dict[int, str], dict[int, dict[str, str]], list[str]]:
    images: dict[int, str] = {}
    parts: dict[int, dict[str, str]] = {}
    lists: list[str] = []
    for name in names:
        if match := _PART.fullmatch(name):
            parts.setdefault(int(match["number"]), {})[match["part"]] = name
        elif match := _IMAGE.fullmatch(name):
            images[int(match["number"])] = name
        elif _LIST.fullmatch(name):
            lists.append(name)
    return images, parts, lists


def _misfit(files: Several, image: str | None, parts: Mapping[str, str], *, listed: bool) -> str | None:
    if image is None:
        return f"{files.title(next(iter(parts.values())))} belongs to no picture; copy CelebA-HQ-img again"
    if not parts:
        return f"{files.title(image)} has no masks; copy CelebAMask-HQ-mask-anno again, or take the picture away"
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        return f"{files.title(parts[unknown[0]])} is of no part that the release has; take it away"
    return None if listed else f"{files.title(image)} is not in CelebA-HQ-to-CelebA-mapping.txt; copy the list again"


def _as_celeba(files: Several, lists: Sequence[str]) -> dict[int, str]:
    if not lists:
        remedy = "copy it beside CelebA-HQ-img, or set datasets.celebamask.division: last_2000"
        raise ParamsError(f"there is no CelebA-HQ-to-CelebA-mapping.txt, which says who is in which split; {remedy}")
    rows = [line.split() for line in files.read(lists[0]).decode().splitlines()[1:] if line.strip()]
    return {int(row[0]): _split(int(row[1])) for row in rows}


def _split(number: int) -> str:
    if number >= _TEST_FROM:
        return TEST
    return VALIDATION if number >= _VALIDATION_FROM else TRAIN


def _last(images: Mapping[int, str]) -> dict[int, str]:
    tests = set(sorted(images)[-_TESTS:])
    return {number: TEST if number in tests else TRAIN for number in images}
