"""Which object each pixel belongs to: as the data set says, or made from the classes."""

from typing import Literal

import numpy as np
from jaxtyping import Integer, UInt16
from numpy import ndarray

from smis.core.errors import LabelError, ParamsError

Instances = Literal["given", "regions", "classes"]
"""From the data set's files; each connected region of a class; or all of a class at once, INADE's way."""

_TABLE = 2**17
"""Ids below this are numbered by a table; larger ones are sorted."""


def of_files(given: Integer[ndarray, "h w"], labels: Integer[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Number objects from 0 by their ids, and split those that have pixels of many classes."""
    return _counted(dense(dense(given) * 256 + labels))


def of_classes(labels: Integer[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Make each class that is present one object."""
    return _counted(dense(labels))


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
    return _counted(numbers.reshape(labels.shape))


def dense(ids: Integer[ndarray, "h w"]) -> Integer[ndarray, "h w"]:
    """Number ids from 0, in their order."""
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= _TABLE:
        return np.unique(ids, return_inverse=True)[1].reshape(ids.shape)
    places = ids.astype(np.intp)
    present = np.zeros(high + 1, dtype=bool)
    present[places] = True
    return (present.cumsum(dtype=np.int32) - 1).take(places)


def _counted(numbers: ndarray) -> ndarray:
    count = int(numbers.max()) + 1
    if count > 2**16:
        raise LabelError(f"has {count} instances, but a picture has at most 65536; set instances: classes")
    return numbers.astype(np.uint16)
