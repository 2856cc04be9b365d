"""The maps of one picture: read, checked against their data set, and made into objects."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from numpy import ndarray

from smis.core.errors import LabelError
from smis.core.sample import check_range
from smis.datasets.io import instances
from smis.datasets.io.files import Files
from smis.datasets.io.raw_images import Size, read_map
from smis.datasets.io.table import Entry


def one_map(files: Files, names: Sequence[str]) -> ndarray:
    """Read the label map of a data set that has one file for it."""
    return read_map(files, names[0])


@dataclass(frozen=True)
class Maps:
    """How a data set's maps are read; sizes are (height, width) in pixels."""

    files: Files
    classes: int
    objects: instances.Instances
    relabel: Mapping[int, int] = field(default_factory=dict)
    remedy: str = ""
    """What to do about an id that is no class, with {high} for the id."""
    read_labels: Callable[[Files, Sequence[str]], ndarray] = one_map
    sizes_agree: bool = True
    """False where maps are smaller than their pictures, but of their shape."""

    def read(self, entry: Entry, *, size: Size) -> tuple[ndarray, ndarray | None]:
        """Read the class of each pixel, and the object where there is a file for it.

        Raises:
            LabelError: if a file is broken, of another size than the picture, or has ids that are no classes.
        """
        labels = self._relabeled(self.read_labels(self.files, entry.labels))
        low, high = int(labels.min()), int(labels.max())
        title, remedy = self.files.title(entry.labels[0]), self.remedy.format(high=high)
        check_range(low, high, name=title, classes=self.classes, remedy=remedy if high >= self.classes else "")
        given = read_map(self.files, entry.instances) if entry.instances else None
        self._check_sizes({entry.labels[0]: labels, entry.instances or "": given}, image=entry.image, size=size)
        return labels, given

    def instances(self, labels: ndarray, given: ndarray | None, entry: Entry) -> ndarray:
        """Number the objects of a picture, at whatever size its maps have by now.

        Raises:
            LabelError: if there are more than the prepared format can number.
        """
        try:
            if given is not None:
                return instances.of_files(given, labels)
            return instances.of_regions(labels) if self.objects == "regions" else instances.of_classes(labels)
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
                sizes = " x ".join(map(str, ids.shape)), " x ".join(map(str, size))
                title, other = self.files.title(name), self.files.title(image)
                lies = ids.shape == size[::-1]
                remedy = "turn one of them, which lies on its side" if lies else f"make them of one {same}"
                raise LabelError(f"{title} is {sizes[0]}, but {other} is {sizes[1]}; {remedy}")


def _of_one_shape(one: Size, other: Size) -> bool:
    """Return whether sides are in one proportion, but for less than a pixel that rounding took."""
    return abs(one[0] * other[1] - one[1] * other[0]) < max(*one, *other)
