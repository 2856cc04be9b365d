"""Many vectors as one Gaussian: mean and covariance, gathered as they come, and stored as pytorch-fid does.

Everything here is float64; files are those of pytorch-fid (`mu`, `sigma`).
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smis.core.errors import ShardError
from smis.core.files import written

Mean = Float64[Tensor, " d"]
Covariance = Float64[Tensor, "d d"]
Vectors = Float64[Tensor, "n d"]


@dataclass(frozen=True)
class Statistics:
    """A Gaussian, how many images it was made from (0: the file does not say), and how."""

    mean: Mean
    covariance: Covariance
    count: int = 0
    protocol: str = ""
    vectors: Float[Tensor, "n d"] | None = None
    """What they were made from, where that was kept: a kernel distance needs it."""

    def write(self, path: Path) -> None:
        """Write pytorch-fid's file, and beside its two arrays `count`, `protocol` and, where there are any, `vectors`.

        Raises:
            DiskError: if the place cannot be written.
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
            with path.open("rb") as file, np.load(file) as arrays:
                count, protocol = arrays.get("count", 0), arrays.get("protocol", "")
                vectors = torch.from_numpy(arrays["vectors"]) if "vectors" in arrays else None
                mean, covariance = (torch.from_numpy(arrays[name]).double() for name in ("mu", "sigma"))
            if mean.dim() != 1 or covariance.shape != (len(mean), len(mean)):
                raise ValueError(f"shapes {tuple(mean.shape)} and {tuple(covariance.shape)}")
        except FileNotFoundError:
            raise ShardError(f"there is no {path}; the stage `reference` writes it") from None
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ShardError(f"{path} holds no statistics (mu, sigma): {error}; make it again") from None
        return cls(mean, covariance, int(count), str(protocol), vectors)


class Moments:
    """Gather mean and covariance of vectors as they come; memory does not depend on how many.

    Chan, Golub and LeVeque, "Algorithms for Computing the Sample Variance" (1983), Eq. 2.1: merging is exact.
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self._mean = torch.zeros(dimensions, dtype=torch.float64)
        self._scatter = torch.zeros(dimensions, dimensions, dtype=torch.float64)

    def update(self, features: Float[Tensor, "n d"]) -> None:
        """Add a batch of vectors."""
        vectors = features.double().cpu()
        mean = vectors.mean(dim=0)
        self._add(len(vectors), mean, (vectors - mean).T @ (vectors - mean))

    def merge(self, other: "Moments") -> None:
        """Add what another process gathered."""
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
