"""Fréchet distance between two sets of images, each seen as one Gaussian of features.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium" (NeurIPS 2017),
Eq. 6. Everything here is float64; files are those of pytorch-fid (`mu`, `sigma`).
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smis.core.errors import ShardError
from smis.core.files import written
from smis.metrics.result import Bootstrap, Result, interval

ENOUGH_IMAGES = 2048
"""Below this many images the distance is biased upwards, and says so."""
_RESAMPLES = 200

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

    def write(self, path: Path) -> None:
        """Write pytorch-fid's file, and beside its two arrays `count` and `protocol`.

        Raises:
            DiskError: if the place cannot be written.
        """
        mu, sigma = self.mean.numpy(), self.covariance.numpy()
        with written(path) as beside, beside.open("wb") as file:
            np.savez(file, mu=mu, sigma=sigma, count=np.array(self.count), protocol=np.array(self.protocol))

    @classmethod
    def read(cls, path: Path) -> "Statistics":
        """Read what `write` or pytorch-fid wrote.

        Raises:
            ShardError: if the file is missing, cut off, or holds something else.
        """
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                count, protocol = arrays.get("count", 0), arrays.get("protocol", "")
                mean, covariance = (torch.from_numpy(arrays[name]).double() for name in ("mu", "sigma"))
        except FileNotFoundError:
            raise ShardError(f"there is no {path}; the stage `reference` writes it") from None
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ShardError(f"{path} holds no statistics (mu, sigma): {error}; make it again") from None
        return cls(mean, covariance, int(count), str(protocol))


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


def frechet_distance(first: Statistics, second: Statistics) -> float:
    """Return |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½), never negative, also where a covariance is singular.

    With S1 = A Aᵀ, the product S1 S2 has the eigenvalues of the symmetric Aᵀ S2 A: no general square root is needed,
    and nothing turns complex.
    """
    root = _factor(first.covariance)
    cross = _root_trace(root.T @ second.covariance @ root)
    apart = (first.mean - second.mean).square().sum()
    return max(0.0, (apart + first.covariance.trace() + second.covariance.trace() - 2 * cross).item())


def _factor(covariance: Covariance) -> Covariance:
    """Return A with A Aᵀ = S: Cholesky's, or from eigenvectors where S is singular."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return factor
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()


def _root_trace(symmetric: Float64[Tensor, "n n"]) -> Float64[Tensor, ""]:
    return torch.linalg.eigvalsh((symmetric + symmetric.T) / 2).clamp(min=0).sqrt().sum()


class FrechetDistance:
    """Gather the features of generated images, one for each label map, and compare them with real ones."""

    def __init__(self, name: str, reference: Statistics, protocol: dict[str, Any]) -> None:
        self._name, self._reference, self._protocol = name, reference, protocol
        self._features: list[Vectors] = []

    def update(self, features: Float[Tensor, "n d"]) -> None:
        """Add generated images' features."""
        self._features.append(features.double().cpu())

    def merge(self, other: "FrechetDistance") -> None:
        """Take over what another process gathered."""
        self._features += other._features

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Return the distance and its interval.

        The distance is biased upwards on few images and a resample has fewer still, so the interval is the resamples'
        spread around their own mean, laid around the value.
        """
        vectors = torch.cat(self._features)
        moments = Moments(vectors.shape[1])
        moments.update(vectors)
        value = frechet_distance(self._reference, moments.statistics())
        fewer = Bootstrap(min(bootstrap.resamples, _RESAMPLES), bootstrap.seed)
        draws = resampled_distances(self._reference, vectors, fewer)
        low, high = interval(draws - draws.mean() + value)
        return Result(self._name, value, (max(0.0, low), high), self._protocol_of(len(vectors), fewer))

    def _protocol_of(self, images: int, bootstrap: Bootstrap) -> dict[str, Any]:
        protocol = {**self._protocol, "label_maps": images, "samples": 1, "reference_images": self._reference.count}
        protocol |= bootstrap.protocol
        protocol["interval"] += ", laid around the value"
        fewest = min(images, self._reference.count or images)
        if fewest < ENOUGH_IMAGES:
            protocol["warning"] = f"{fewest} images: biased upwards below {ENOUGH_IMAGES}"
        return protocol


def resampled_distances(
    reference: Statistics, vectors: Vectors, bootstrap: Bootstrap
) -> Float[np.ndarray, " resamples"]:
    """Return the distance of each resample of the vectors to the reference.

    For n images in d > n dimensions, Aᵀ S2 A has the eigenvalues of an n x n matrix of products between images. They
    are computed once; a resample weighs and centres them.
    """
    centred = vectors - reference.mean
    products = centred @ reference.covariance @ centred.T
    counts = torch.from_numpy(bootstrap.counts(len(vectors)))
    return np.array([_resampled(count, centred, products, reference) for count in counts])


def _resampled(
    count: Float64[Tensor, " n"], centred: Vectors, products: Float64[Tensor, "n n"], reference: Statistics
) -> float:
    kept = count > 0
    share, points, inner = count[kept] / count.sum(), centred[kept], products[kept][:, kept]
    mean, row = share @ points, share @ inner
    roots = (share * count.sum() / (count.sum() - 1)).sqrt()
    inner = (inner - row - row[:, None] + row @ share) * torch.outer(roots, roots)
    spread = (roots.square() @ (points - mean).square()).sum()
    distance = mean.square().sum() + reference.covariance.trace() + spread - 2 * _root_trace(inner)
    return max(0.0, distance.item())
