"""Mean and covariance of features in float64: gathered in a stream, stored in pytorch-fid's files (`mu`, `sigma`)."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor

from smis.core.errors import ParamsError, ShardError, shown
from smis.core.files import UnreadableError, open_file, written
from smis.core.numbers import whole
from smis.metrics.image.features import check_features

Mean = Float64[Tensor, " d"]
Covariance = Float64[Tensor, "d d"]
Vectors = Float64[Tensor, "n d"]

_MOST_DIMENSIONS = 16_384
"""A covariance of 2 GiB."""
_FIELDS = ("mu", "sigma", "count", "protocol", "vectors")


@dataclass(frozen=True)
class Statistics:
    """Mean and covariance of features, the number of images (0: not known), and the protocol as JSON.

    Raises:
        ParamsError: if a number is not finite, or the shapes do not fit each other.

    Example:
        >>> statistics = Statistics(torch.zeros(2).double(), torch.eye(2).double(), count=5)
        >>> statistics.write(Path("real.npz"))
        >>> Statistics.read(Path("real.npz")).count
        5
    """

    mean: Mean
    covariance: Covariance
    count: int = 0
    protocol: str = ""
    vectors: Float[Tensor, "n d"] | None = None
    """The features themselves, if they were kept; a kernel distance needs them."""

    def __post_init__(self) -> None:
        for name, numbers in {"mu": self.mean, "sigma": self.covariance, "vectors": self.vectors}.items():
            if numbers is not None and not (isinstance(numbers, Tensor) and numbers.is_floating_point()):
                raise ParamsError(f"{name} is {shown(numbers)}; give a tensor of floats")
            if numbers is not None and not numbers.isfinite().all():
                raise ParamsError(f"{name} has values that are not finite")
        _check_shapes(self.mean, self.covariance, self.vectors)

    def write(self, path: Path) -> None:
        """Write pytorch-fid's file, with `count`, `protocol` and `vectors`, if there are any, beside its two arrays.

        Raises:
            DiskError: if the file cannot be written.
        """
        mu, sigma = self.mean.numpy(), self.covariance.numpy()
        arrays = {"mu": mu, "sigma": sigma, "count": np.array(self.count), "protocol": np.array(self.protocol)}
        arrays |= {} if self.vectors is None else {"vectors": self.vectors.numpy()}
        with written(path) as beside, beside.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> "Statistics":
        """Read what `write` or pytorch-fid wrote.

        Raises:
            ShardError: if the file is missing, cut off, or holds something else.
        """
        try:
            with open_file(path) as file:
                return cls._of(_arrays(file))
        except FileNotFoundError:
            raise ShardError(f"there is no {path}; the stage `reference` writes it") from None
        except UnreadableError as error:
            raise ShardError(f"cannot read {path} ({error}); {error.remedy}") from None
        except (OSError, EOFError, ValueError, ParamsError, zipfile.BadZipFile, zlib.error) as error:
            raise ShardError(f"{path} holds no statistics (mu, sigma): {error}; make it again") from None

    @classmethod
    def _of(cls, arrays: Mapping[str, ndarray]) -> "Statistics":
        mean, covariance = (torch.from_numpy(_numbers(arrays, name)).double() for name in ("mu", "sigma"))
        vectors = torch.from_numpy(_numbers(arrays, "vectors")) if "vectors" in arrays else None
        _check_shapes(mean, covariance, vectors)
        count, protocol = arrays.get("count", np.array(0)), str(arrays.get("protocol", ""))
        if count.size != 1 or count.dtype.kind not in "iu":
            raise ValueError("its count is no whole number")
        if not _is_object(protocol):
            raise ValueError(f"its protocol is no object of JSON, but {protocol[:40]!r}")
        return cls(mean, covariance, int(count.item()), protocol, vectors)


def _check_shapes(mean: Tensor, covariance: Tensor, vectors: Tensor | None) -> None:
    if mean.dim() != 1 or covariance.shape != (len(mean), len(mean)):
        raise ParamsError(f"mu and sigma of the shapes {tuple(mean.shape)} and {tuple(covariance.shape)}")
    if vectors is not None and vectors.shape[1:] != mean.shape:
        raise ParamsError(f"vectors of the shape {tuple(vectors.shape)} beside a mu of {len(mean)} numbers")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text or "{}"), dict)
    except ValueError:
        return False


def _arrays(file: BinaryIO) -> dict[str, ndarray]:
    """Read the known arrays; numpy's own message for other files suggests to unpickle them."""
    if not zipfile.is_zipfile(file):
        raise ValueError("it is no .npz file")
    file.seek(0)
    with np.load(file) as archive:
        return {name: _array(archive, name) for name in _FIELDS if name in archive}


def _array(archive: Any, name: str) -> ndarray:
    try:
        return archive[name]
    except ValueError:
        raise ValueError(f"its {name} is no array, or cut off") from None


def _numbers(arrays: Mapping[str, ndarray], name: str) -> ndarray:
    if name not in arrays:
        raise ValueError(f"it has no {name}")
    if arrays[name].dtype.kind not in "fiu":
        raise ValueError(f"its {name} is of {arrays[name].dtype}, not of real numbers")
    return arrays[name]


class Moments:
    """Gather mean and covariance of vectors in a stream; memory does not depend on their number.

    Chan, Golub and LeVeque, "Algorithms for Computing the Sample Variance" (1983), Eq. 2.1: merging is exact.

    Example:
        >>> moments = Moments(2)
        >>> moments.update(torch.tensor([[0.0, 1.0], [2.0, 1.0]]))
        >>> moments.statistics().covariance.tolist()
        [[2.0, 0.0], [0.0, 0.0]]
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        dimensions = whole(dimensions, "dimensions", low=1, high=_MOST_DIMENSIONS)
        self._mean = torch.zeros(dimensions, dtype=torch.float64)
        self._scatter = torch.zeros(dimensions, dimensions, dtype=torch.float64)

    def update(self, features: Float[Tensor, "n d"]) -> None:
        """Add a batch of vectors.

        Raises:
            ImageError, ParamsError: if they are not as `check_features` has it.
        """
        check_features(features, dimensions=len(self._mean))
        vectors = features.double().cpu()
        mean = vectors.mean(dim=0)
        self._add(len(vectors), mean, (vectors - mean).T @ (vectors - mean))

    def merge(self, other: "Moments") -> None:
        """Add what another process gathered of other images; an image of both would count twice."""
        self._add(other.count, other._mean, other._scatter)

    def statistics(self, protocol: str = "") -> Statistics:
        """Return the mean and the unbiased covariance."""
        return Statistics(self._mean, self._scatter / max(self.count - 1, 1), self.count, protocol)

    def _add(self, count: int, mean: Mean, scatter: Covariance) -> None:
        if not count:
            return
        total, apart = self.count + count, mean - self._mean
        self._scatter += scatter + torch.outer(apart, apart) * (self.count * count / total)
        self._mean = self._mean + apart * (count / total)
        self.count = total
