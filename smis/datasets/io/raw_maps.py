"""Label and instance maps of one image: read, checked against their data set, and numbered."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Integer, UInt16
from numpy import ndarray
from pydantic import Field

from smis.core.errors import LabelError, ParamsError, optional_package
from smis.core.run_lengths import lengths_of, starts_of
from smis.core.sample import check_range, remedy_of_ids
from smis.core.shapes import size_text
from smis.datasets.io.pairing import SampleFiles
from smis.datasets.io.raw_files import MultiRoot
from smis.datasets.io.raw_images import Size, read_map

Instances = Literal["given", "regions", "classes"]
"""From the data set's files; each connected region of a class; or all of a class at once, INADE's way."""

Identity = Annotated[int, Field(ge=0)]

_TABLE = 2**17
"""Ids below this are numbered by a table; larger ones are sorted."""


def instances_of_files(given: Integer[ndarray, "h w"], labels: Integer[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Number objects from 0 by their ids, and split those that have pixels of many classes.

    Example:
        >>> instances_of_files(np.array([[7000, 7000, 9]]), np.array([[2, 3, 3]])).tolist()
        [[1, 2, 0]]
    """
    starts = starts_of(given, labels)
    objects = _numbered(given.ravel()[starts]) * 256 + labels.ravel()[starts]
    return _drawn(_numbered(objects), starts, labels.shape)


def instances_of_classes(labels: Integer[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Make each class that is present one object; classes are below 256.

    Example:
        >>> instances_of_classes(np.array([[7, 3, 7]])).tolist()
        [[1, 0, 1]]
    """
    present = np.zeros(256, dtype=bool)
    present[labels.ravel()[starts_of(labels)]] = True
    numbers = (present.cumsum() - 1).astype(np.uint8).tobytes()  # those of absent classes are in no pixel
    drawn = labels.astype(np.uint8, copy=False).tobytes().translate(numbers)
    return np.frombuffer(drawn, np.uint8).astype(np.uint16).reshape(labels.shape)


def instances_of_regions(labels: Integer[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Make each region of one class an object; pixels touch at their four sides.

    Raises:
        ParamsError: if scipy is not installed.
        LabelError: if there are more than 65,536 regions.

    Example:
        >>> instances_of_regions(np.array([[7, 3, 7]])).tolist()
        [[0, 1, 2]]
    """
    with optional_package("instances: regions", extra="metrics"):
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
    places = np.arange(labels.size).reshape(labels.shape)
    across, down = labels[:, 1:] == labels[:, :-1], labels[1:] == labels[:-1]
    starts = np.concatenate([places[:, :-1][across], places[:-1][down]])
    ends = np.concatenate([places[:, 1:][across], places[1:][down]])
    touching = coo_array((np.ones(len(starts), dtype=np.uint8), (starts, ends)), shape=(labels.size, labels.size))
    _, numbers = connected_components(touching, directed=False)
    starts = starts_of(numbers)
    return _drawn(numbers[starts], starts, labels.shape)


def _numbered(ids: Integer[ndarray, " runs"]) -> Integer[ndarray, " runs"]:
    """Number ids from 0, in their order."""
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= _TABLE:
        return np.unique(ids, return_inverse=True)[1]
    places = ids.astype(np.intp)
    present = np.zeros(high + 1, dtype=bool)
    present[places] = True
    return (present.cumsum(dtype=np.int32) - 1).take(places)


def _drawn(
    numbers: Integer[ndarray, " runs"], starts: Integer[ndarray, " runs"], shape: tuple[int, ...]
) -> UInt16[ndarray, "h w"]:
    """Give all pixels of each run its number."""
    count = int(numbers.max()) + 1
    if count > 2**16:
        raise LabelError(f"has {count} instances, but a picture has at most 65536; set instances: classes")
    return np.repeat(numbers.astype(np.uint16), lengths_of(starts, math.prod(shape))).reshape(shape)


def check_relabel(relabel: Mapping[int, int], *, classes: int, setting: str) -> None:
    """Refuse to make an id what is no class, once and not for each image.

    Raises:
        ParamsError: naming the setting, the id and the classes.
    """
    for old, new in relabel.items():
        if new >= classes:
            allowed = f"the data set has {classes} classes (0 to {classes - 1})"
            raise ParamsError(f"{setting} makes {old} the class {new}, but {allowed}; give one of them")


def one_map(files: MultiRoot, names: Sequence[str]) -> ndarray:
    """Read the label map of a data set that has one file for it."""
    return read_map(files, names[0])


@dataclass(frozen=True)
class MapReader:
    """How a data set's maps are read; sizes are (height, width) in pixels."""

    files: MultiRoot
    classes: int
    objects: Instances
    relabel: Mapping[int, int] = field(default_factory=dict)
    remedy: str = ""
    """What to do about an id that is no class, with {high} for the id."""
    setting: str = ""
    """The setting that is `relabel`, as it is named in params.yaml."""
    read_labels: Callable[[MultiRoot, Sequence[str]], ndarray] = one_map
    sizes_agree: bool = True
    """False where maps are smaller than their images, but of their shape."""

    def read(self, entry: SampleFiles, *, size: Size) -> tuple[ndarray, ndarray | None]:
        """Read the class of each pixel, and the object where there is a file for it.

        Raises:
            LabelError: if a file is broken, of another size than the image, or has ids that are no classes.
        """
        labels = self._relabeled(self.read_labels(self.files, entry.labels))
        low, high = int(labels.min()), int(labels.max())
        title, remedy = self.files.title(entry.labels[0]), ""
        if high >= self.classes:
            ids = np.unique(labels).tolist()
            remedy = remedy_of_ids(ids, classes=self.classes, relabel=self.setting) or self.remedy.format(high=high)
        check_range(low, high, name=title, classes=self.classes, remedy=remedy)
        given = read_map(self.files, entry.instances) if entry.instances else None
        self._check_sizes({entry.labels[0]: labels, entry.instances or "": given}, image=entry.image, size=size)
        return labels, given

    def instances(self, labels: ndarray, given: ndarray | None, entry: SampleFiles) -> ndarray:
        """Number the objects of an image, at whatever size its maps have by now.

        Raises:
            LabelError: if there are more than the prepared format can number.
        """
        try:
            if given is not None:
                return instances_of_files(given, labels)
            return instances_of_regions(labels) if self.objects == "regions" else instances_of_classes(labels)
        except LabelError as error:
            raise LabelError(f"{self.files.title(entry.labels[0])} {error}") from None

    def _relabeled(self, labels: ndarray) -> ndarray:
        present = [old for old in self.relabel if (labels == old).any()]
        if not present:
            return labels
        changed = labels.copy()
        for old in present:
            changed[labels == old] = self.relabel[old]
        return changed

    def _check_sizes(self, maps: Mapping[str, ndarray | None], *, image: str, size: Size) -> None:
        fit, same = (operator.eq, "size") if self.sizes_agree else (_of_one_shape, "shape")
        for name, ids in maps.items():
            if ids is not None and not fit(ids.shape, size):
                title, other = self.files.title(name), self.files.title(image)
                lies = ids.shape == size[::-1]
                remedy = "turn one of them, which lies on its side" if lies else f"make them of one {same}"
                raise LabelError(f"{title} is {size_text(ids.shape)}, but {other} is {size_text(size)}; {remedy}")


def _of_one_shape(one: Size, other: Size) -> bool:
    """Return whether sides are in one proportion, but for less than a pixel that rounding took."""
    return abs(one[0] * other[1] - one[1] * other[0]) < max(*one, *other)
