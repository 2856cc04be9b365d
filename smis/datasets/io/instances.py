"""Which object each pixel belongs to: as the data set says, or made from the classes."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Integer, UInt16
from numpy import ndarray

from smis.core.errors import LabelError, ParamsError
from smis.core.run_lengths import lengths_of, starts_of

Instances = Literal["given", "regions", "classes"]
"""From the data set's files; each connected region of a class; or all of a class at once, INADE's way."""

_TABLE = 2**17
"""Ids below this are numbered by a table; larger ones are sorted."""


def of_files(given: Integer[ndarray, "h w"], labels: Integer[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Number objects from 0 by their ids, and split those that have pixels of many classes."""
    starts = starts_of(given, labels)
    objects = _numbered(given.ravel()[starts]) * 256 + labels.ravel()[starts]
    return _drawn(_numbered(objects), starts, labels.shape)


def of_classes(labels: Integer[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Make each class that is present one object; classes are below 256."""
    present = np.zeros(256, dtype=bool)
    present[labels.ravel()[starts_of(labels)]] = True
    numbers = (present.cumsum() - 1).astype(np.uint8).tobytes()  # those of absent classes are in no pixel
    drawn = labels.astype(np.uint8, copy=False).tobytes().translate(numbers)
    return np.frombuffer(drawn, np.uint8).astype(np.uint16).reshape(labels.shape)


def of_regions(labels: Integer[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Make each region of one class an object; pixels touch at their four sides.

    Raises:
        ParamsError: if scipy is not installed.
        LabelError: if there are more than 65,536 regions.
    """
    try:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
    except ImportError:
        raise ParamsError("instances: regions needs the package scipy; run `pip install 'smis[metrics]'`") from None
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
