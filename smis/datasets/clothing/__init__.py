"""Clothing Co-Parsing (CCP): photographs of people in the street; its 59 labels, or twelve that they are merged to."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy import ndarray
from pydantic import Field

from smis.core.errors import DataError, LabelError, ParamsError
from smis.core.images import voc_color
from smis.core.sample import check_range
from smis.datasets.clothing.matlab_files import read_variable
from smis.datasets.clothing.person_box import person_box
from smis.datasets.io.file_reader import (
    TEST,
    TRAIN,
    VALIDATION,
    ClassTable,
    FileReader,
    FilesConfig,
    Side,
    read_classes,
)
from smis.datasets.io.pairing import FileLayout, PairedFiles, SampleFilesTable, compiled_at_end, paired, split_off
from smis.datasets.io.problems import Problem, as_error
from smis.datasets.io.raw_files import MultiRoot, RawFiles, is_junk, open_files
from smis.datasets.io.raw_images import resize_by_majority
from smis.datasets.io.raw_maps import MapReader

NAMES, PALETTE = read_classes(Path(__file__).with_name("classes.txt"))
_ROWS = [line.split() for line in Path(__file__).with_name("labels.txt").read_text(encoding="utf-8").splitlines()]
LABELS = tuple(label for label, _ in _ROWS)
"""The release's own, in the order of its label_list.mat."""
MERGED = np.array([NAMES.index(name) for _, name in _ROWS], dtype=np.uint8)
"""The class of each of them."""
_TABLES = {
    "merged": ClassTable(NAMES, PALETTE),
    "all": ClassTable(("background", *LABELS[1:]), [voc_color(number) for number in range(len(LABELS))]),
}

OFFICIAL = FileLayout(
    title="photos/0001.jpg with annotations/pixel-level/0001.mat, beside label_list.mat",
    image=r"(?P<split>)photos/(?P<key>[^/]+)\.jpg",
    labels=r"(?P<split>)annotations/pixel-level/(?P<key>[^/]+)\.mat",
    unlabeled=True,
)
_LIST = compiled_at_end(r"label_list\.mat")
_PUBLISHED = 1004
"""Photographs with a map; the others have none, or tags for the whole image."""


def read_labels(files: RawFiles, names: Sequence[str], *, classes: Literal["merged", "all"]) -> ndarray:
    """Read a map of the release's labels, and merge them where asked for.

    Raises:
        LabelError: if the file is none of MATLAB, holds no map, or an id that is no label.
    """
    labels, title = read_variable(files, names[0], "groundtruth", error=LabelError), files.title(names[0])
    if not isinstance(labels, np.ndarray) or labels.ndim != 2 or not labels.size or labels.dtype.kind not in "ui":
        found = f"{labels.dtype} with the shape {labels.shape}" if isinstance(labels, np.ndarray) else "text"
        raise LabelError(f"groundtruth of {title} is {found}, but is a matrix of whole numbers; copy the file again")
    check_range(int(labels.min()), int(labels.max()), name=title, classes=len(LABELS), remedy="copy the file again")
    return MERGED[labels] if classes == "merged" else labels.astype(np.uint8)


def check_labels(files: MultiRoot) -> None:
    """Check that the ids of the maps mean what they mean here.

    Raises:
        ParamsError: if there is no label_list.mat.
        DataError: if it cannot be read, or names other labels.
    """
    found = [name for name in files.names() if not is_junk(name) and _LIST.fullmatch(name)]
    if not found:
        raise ParamsError("there is no label_list.mat, which names the ids of the maps; copy it beside photos/")
    for name in found:
        if read_variable(files, name, "label_list", error=DataError) != list(LABELS):
            raise DataError(f"{files.title(name)} does not name the {len(LABELS)} labels of CCP; copy it again")


class Config(FilesConfig):
    """Twelve classes at 128 x 64, cut out about the person; the release has one person in each photograph.

    The release has no splits: `test` takes the samples whose SHA-256 of `SEED KEY` comes first, `validation` the next
    ones (904, 50 and 50 of its 1,004 maps). Maps are resized by majority, images with Pillow's bicubic filter.
    """

    source = "github.com/bearpaw/clothing-co-parsing: photos, annotations/pixel-level, label_list.mat"
    license = "Apache-2.0, as its repository says; the photographs are of people in the street"
    citation = 'Yang et al., "Clothing Co-Parsing by Joint Image Segmentation and Labeling" (CVPR 2014)'
    presets = {"large": {"size": (192, 128)}}

    classes: Literal["merged", "all"] = "merged"
    """Twelve, or the release's 59 labels."""
    crop: Literal["person", "whole"] = "person"
    """Which part of a photograph is resized: the person with what surrounds it at the aspect of `size`, or all."""
    size: tuple[Side, Side] = (128, 64)
    """Height and width that systems see."""
    load_size: tuple[Side, Side] | None = None
    """Training images are resized to this, and in each epoch another place of `size` is cut from them."""
    instances: Literal["regions", "classes"] = "classes"
    validation: Annotated[int, Field(ge=0)] = 50
    test: Annotated[int, Field(ge=0)] = 50
    """Samples of these splits; all others are for training."""
    seed: int = 0
    """Decides which samples the splits take."""

    @property
    def class_table(self) -> ClassTable:
        """Names and colors of the classes."""
        return _TABLES[self.classes]

    def build(self) -> FileReader:
        """Find the files and return their reader.

        Raises:
            ParamsError: if there are none that are named as in the release, no map, or no label_list.mat.
            DataError: if label_list.mat names other labels.
        """
        files = open_files(self.root)
        samples, problems = self._found(files)
        maps = MapReader(
            files,
            len(self.class_table.names),
            self.instances,
            read_labels=partial(read_labels, classes=self.classes),
        )
        return FileReader(
            self,
            self.class_table,
            maps,
            samples=self._splits(samples, problems),
            stamp=files.stamp(name for entry in samples for name in entry.files),
            problems=problems,
            warnings=_miscounted(len(samples)),
            find_box=person_box if self.crop == "person" else None,
            resize_labels=resize_by_majority,
        )

    def _found(self, files: MultiRoot) -> tuple[SampleFilesTable, Sequence[Problem]]:
        found: PairedFiles = paired(files, (OFFICIAL,), instances=False)
        samples = found.entries.get("", SampleFilesTable())
        if not samples and not found.problems:
            raise ParamsError("no photograph has a map annotations/pixel-level/NUMBER.mat; copy them beside photos/")
        check_labels(files)
        return samples, [Problem(each.key, TRAIN, each.why) for each in found.problems]

    def _splits(self, samples: SampleFilesTable, problems: Sequence[Problem]) -> dict[str, SampleFilesTable]:
        """Draw the splits.

        Raises:
            ParamsError: if nothing is left to train on.
            DataError: if that is because files do not fit.
        """
        if self.validation + self.test >= len(samples):
            if problems:
                raise as_error(problems, name="clothing", pictures=len(problems) + len(samples))
            taken = f"datasets.clothing: validation and test take {self.validation + self.test} pictures"
            raise ParamsError(f"{taken}, but {len(samples)} have a map; leave some to train on")
        others, test = split_off(samples, self.test, seed=self.seed)
        train, validation = split_off(others, self.validation, seed=self.seed)
        return {TRAIN: train, VALIDATION: validation, TEST: test}


def _miscounted(count: int) -> list[str]:
    if count == _PUBLISHED:
        return []
    return [f"clothing has {count:,} pictures with a map, but {_PUBLISHED:,} are published; is the download whole?"]
