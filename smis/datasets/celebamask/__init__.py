"""CelebAMask-HQ: faces; classes in the order of the release's mask script, splits, and masks by part."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy import ndarray

from smis.core.errors import DataError, LabelError, ParamsError
from smis.datasets.io.file_reader import TEST, TRAIN, VALIDATION, ClassTable, FileReader, Side, read_classes
from smis.datasets.io.pairing import FileLayout, SampleFiles, SampleFilesTable, compiled_at_end
from smis.datasets.io.problems import Problem
from smis.datasets.io.raw_files import MultiRoot, is_junk, open_files
from smis.datasets.io.raw_images import read_map
from smis.datasets.io.raw_maps import Instances
from smis.datasets.io.release import ReleaseConfig

NAMES, PALETTE = read_classes(Path(__file__).with_name("classes.txt"))


LIST = "CelebA-HQ-to-CelebA-mapping.txt"
_ROW = re.compile(r"\s*(?P<number>\d+)\s+(?P<original>\d+)(\s.*)?")
_VALIDATION_FROM, _TEST_FROM = 162771, 182638
"""Numbers in CelebA at which its splits begin, as the release's g_partition.py compares them."""
_TESTS = 2000


def as_celeba(files: MultiRoot, lists: Sequence[str]) -> dict[int, str]:
    """Read each image's number in CelebA, which says its split.

    Raises:
        ParamsError: if there is no list.
        DataError: if there are two that differ, or it cannot be read.
    """
    if not lists:
        remedy = "copy it beside CelebA-HQ-img, or set datasets.celebamask.division: last_2000"
        raise ParamsError(f"there is no {LIST}, which says who is in which split; {remedy}")
    texts: dict[str, str] = {}
    for name in lists:
        try:
            texts[files.read(name).decode(errors="replace")] = files.title(name)
        except OSError as error:
            remedy = getattr(error, "remedy", "is the file whole? copy it again")
            raise DataError(f"cannot read {files.title(name)} ({error}); {remedy}") from None
    if len(texts) > 1:
        raise DataError(f"{' and '.join(sorted(texts.values())[:2])} differ; take away the one that is not of the data")
    ((text, title),) = texts.items()
    rows = [(number, line) for number, line in enumerate(text.splitlines(), 1) if number > 1 and line.strip()]
    return dict(_row(line, f"line {number} of {title}") for number, line in rows)


def last(numbers: Iterable[int]) -> dict[int, str]:
    """Take the last 2,000 for tests."""
    ordered = sorted(numbers)
    return dict.fromkeys(ordered[:-_TESTS], TRAIN) | dict.fromkeys(ordered[-_TESTS:], TEST)


def _row(line: str, where: str) -> tuple[int, str]:
    match = _ROW.fullmatch(line)
    if not match:
        wanted = "a picture's number, its number in CelebA and its name there"
        raise DataError(f"{where} is {line.strip()[:60]!r}, but a line has {wanted}; copy the list again")
    original = int(match["original"])
    later = TEST if original >= _TEST_FROM else VALIDATION
    return int(match["number"]), later if original >= _VALIDATION_FROM else TRAIN


PARTS = NAMES[1:]
"""In the order of the release's g_mask.py: where parts overlap, the later one is seen."""
_IMAGE = compiled_at_end(r"CelebA-HQ-img/(?P<number>\d+)\.jpg")
_PART = compiled_at_end(r"CelebAMask-HQ-mask-anno/\d+/(?P<number>\d{5})_(?P<part>[a-z_]+)\.png")
_LIST = compiled_at_end(re.escape(LIST))


def merged(files: MultiRoot, names: Sequence[str]) -> ndarray:
    """Lay the parts over one another.

    Raises:
        LabelError: if a part is broken, or of another size than the others.
    """
    masks = [read_map(files, name) != 0 for name in names]
    labels = np.zeros(masks[0].shape, dtype=np.uint8)
    for name, mask in zip(names, masks, strict=True):
        if mask.shape != labels.shape:
            raise LabelError(f"{files.title(name)} is of another size than {files.title(names[0])}; copy both again")
        part = name.rpartition("/")[2].partition("_")[2].removesuffix(".png")
        labels[mask] = 1 + PARTS.index(part)
    return labels


def whole_release(files: MultiRoot, *, division: str) -> tuple[Mapping[str, SampleFilesTable], Sequence[Problem]]:
    """Find images with their parts, by split.

    Raises:
        ParamsError: if there are no images, or no list of CelebA's numbers.
        DataError: if that list cannot be read.
    """
    images, parts, lists = _sorted_out(files.names())
    if not images:
        raise ParamsError("no file is named CelebA-HQ-img/NUMBER.jpg; set root to where CelebAMask-HQ lies")
    split_of = as_celeba(files, lists) if division == "celeba" else last(images)
    entries: dict[str, list[SampleFiles]] = {}
    problems: list[Problem] = []
    for number in sorted(images.keys() | parts.keys()):
        split = split_of.get(number)
        why = _misfit(files, images.get(number, []), parts.get(number, {}), listed=split is not None)
        if why:
            problems.append(Problem(str(number), split or TRAIN, why))
        else:
            masks = tuple(parts[number][part][0] for part in PARTS if part in parts[number])
            entries.setdefault(split or TRAIN, []).append(SampleFiles(str(number), images[number][0], masks))
    return {split: SampleFilesTable(found) for split, found in entries.items()}, problems


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


def _misfit(files: MultiRoot, images: Sequence[str], parts: Parts, *, listed: bool) -> str | None:
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


INADE = FileLayout(
    title="INADE: train/images/KEY.jpg with train/labels/KEY.png and train/instances/KEY.png, and test",
    image=r"(?P<split>train|test)/images/(?P<key>[^/]+)\.jpg",
    labels=r"(?P<split>train|test)/labels/(?P<key>[^/]+)\.png",
    instances=r"(?P<split>train|test)/instances/(?P<key>[^/]+)\.png",
)


class Config(ReleaseConfig):
    """19 classes at 256 x 256, merged from a mask for each part; a later part of the list covers an earlier one."""

    name = "celebamask"
    layouts = (INADE,)
    class_table = ClassTable(NAMES, PALETTE)
    sizes_agree = False
    source = "github.com/switchablenorms/CelebAMask-HQ: CelebAMask-HQ.zip"
    license = "non-commercial research and education; not to be passed on"
    citation = 'Lee et al., "MaskGAN: Toward Diverse and Interactive Facial Image Manipulation" (CVPR 2020)'
    published = {"all": 30000}
    presets = {
        "published": {"load_size": (286, 286)},
    }

    size: tuple[Side, Side] = (256, 256)
    instances: Instances = "classes"
    layout: Literal["parts", "inade"] = "parts"
    """The release, or folders with merged maps as INADE's code reads them."""
    division: Literal["celeba", "last_2000"] = "celeba"
    """CelebA's own splits, as the release's g_partition.py has them; or the last 2,000 images are for tests."""

    def build(self) -> FileReader:
        """Find the files and return their reader.

        Raises:
            ParamsError: if there are none that are named as in the release, or no list says which split each is in.
        """
        if self.layout == "inade":
            return super().build()
        if self.instances == "given":
            raise ParamsError("datasets.celebamask.instances: the release has none; set classes or regions")
        files = open_files(self.root)
        return self.reader(files, *whole_release(files, division=self.division), read_labels=merged)
