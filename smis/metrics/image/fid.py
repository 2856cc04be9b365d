"""FID: distance between two sets of images, each seen as one Gaussian of a network's features.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium" (NeurIPS 2017),
Eq. 6. It is called `fid` where the network is Inception on pytorch-fid's weights, and by the network's name else.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from smis.core.errors import ParamsError, ProtocolError
from smis.metrics.image import inception
from smis.metrics.image.feature_statistics import Covariance, Moments, Statistics, Vectors
from smis.metrics.image.features import Images, NamedVectors, as_batches
from smis.metrics.image.result import UNKNOWN, Bootstrap, Draws, Result, interval

__all__ = [
    "ENOUGH_IMAGES",
    "FrechetDistance",
    "Moments",
    "Statistics",
    "frechet_distance",
    "measure",
    "statistics",
]

ENOUGH_IMAGES = 2048
"""Below this many images the distance is biased upwards, and says so."""
_SHARED = ("network", "weights", "features", "resize")
"""What both sides of a distance must have in common."""

Named = tuple[Sequence[str] | None, Float[Tensor, "_ d"]]
"""Features of a batch of images, and the images' names where they have any."""


def measure(
    real: Statistics | Images,
    fake: Statistics | Images,
    *,
    network: nn.Module | None = None,
    batch: int = 32,
    seed: int = 0,
) -> Result:
    """Return `fid` of images (-1..1, any size; all at once, or in batches, also with names) or statistics.

    Images are resized as pytorch-fid does and go where `network` (`inception.load()`) is. Memory does not depend on
    how many batches there are. `seed` draws the resamples; with names, no order of the images moves the interval.
    Statistics alone say nothing of single images: then the interval is not known (NaN).

    Raises:
        WeightsError: if no network is given, and its weights are missing.
        ParamsError: if a side has fewer than 2 images.
        ProtocolError: if statistics are of another network or were made in another way.
    """
    if network is None and not (isinstance(real, Statistics) and isinstance(fake, Statistics)):
        network = inception.load()
    reference = real if isinstance(real, Statistics) else statistics(real, network=network, batch=batch)
    distance = FrechetDistance("fid", reference, _common(reference, fake))
    if isinstance(fake, Statistics):
        return distance.compare(fake)
    for keys, features in _features(fake, network=network, batch=batch):
        distance.update(features, keys)
    return distance.compute(Bootstrap(seed=seed))


def statistics(images: Images, *, network: nn.Module | None = None, batch: int = 32) -> Statistics:
    """Return what `Statistics.write` stores for pytorch-fid, and for `measure` at another time.

    Raises:
        WeightsError: if no network is given, and its weights are missing.
        ParamsError: if there are fewer than 2 images.
    """
    moments = Moments(inception.DIMENSIONS)
    for _, features in _features(images, network=network, batch=batch):
        moments.update(features)
    _enough(moments.count)
    return moments.statistics(json.dumps(inception.protocol()))


class FrechetDistance:
    """Gather the features of generated images, one for each label map, and compare them with real ones.

    Features are (n, d), with d the dimensions of the reference; the distance is in squared units of the features, 0
    where both Gaussians are the same. Sums are float64.

    The interval is of resamples to the first order, by the images' influences: a resample that is measured itself is
    several times too far away where there are fewer images than dimensions, because what it holds twice is missing
    elsewhere. Of more than 2048 images, the influences of 2048 are used.
    """

    def __init__(self, name: str, reference: Statistics, protocol: dict[str, Any]) -> None:
        self._name, self._reference, self._protocol = name, reference, protocol
        self._moments = Moments(len(reference.mean))
        self._vectors = NamedVectors(limit=ENOUGH_IMAGES)

    def update(self, features: Float[Tensor, "n d"], keys: Sequence[str] | None = None) -> None:
        """Add generated images' features; with the images' names, no order of them moves the interval.

        Raises:
            ImageError: if some are not finite.
        """
        self._vectors.update(features.double(), keys)
        self._moments.update(features)

    def merge(self, other: "FrechetDistance") -> None:
        """Take over what another process gathered, of other images: they are summed, and counted twice else.

        Raises:
            ParamsError: if images have no names, or both processes measured one whose name is still kept.
        """
        both = self._vectors.shared(other._vectors)
        if both and other._vectors.named:
            raise ParamsError(
                f"{min(both)} was measured by two processes, which would count it twice; give each its own images "
                "(a DistributedSampler repeats some where they do not divide evenly)"
            )
        self._vectors.merge(other._vectors)
        self._moments.merge(other._moments)

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Return the distance and its interval; below 2048 images the protocol warns that it is biased upwards.

        Raises:
            ParamsError: if there are fewer than 2 images.
        """
        value, draws = self._drawn(bootstrap)
        low, high = interval(draws)
        how = self._vectors.protocol() | self._protocol_of(len(self._vectors)) | bootstrap.to_first_order
        return Result(self._name, value, (max(0.0, low), high), how, draws)

    def compare(self, drawn: Statistics) -> Result:
        """Return the distance of statistics, of which no interval is known."""
        value = frechet_distance(self._reference, drawn)
        protocol = self._protocol_of(drawn.count) | {"interval": "unknown: statistics hold no single images"}
        return Result(self._name, value, (UNKNOWN, UNKNOWN), protocol)

    def _drawn(self, bootstrap: Bootstrap) -> tuple[float, Draws]:
        value, influences = self._expansion()
        fewer = (len(influences) / len(self._vectors)) ** 0.5
        return value, value + bootstrap.means(influences.numpy()) * fewer

    def _expansion(self) -> tuple[float, Float[Tensor, " n"]]:
        _enough(len(self._vectors))
        vectors = self._vectors.vectors()
        few = len(self._vectors) <= min(vectors.shape[1], ENOUGH_IMAGES)
        return (expansion_of_few if few else expansion)(self._reference, self._moments.statistics(), vectors)

    def _protocol_of(self, images: int) -> dict[str, Any]:
        counts = {"label_maps": images, "samples": 1, "reference_images": self._reference.count}
        known = {name: count for name, count in counts.items() if count}
        fewest = min(images or ENOUGH_IMAGES, self._reference.count or ENOUGH_IMAGES)
        warnings = [f"{fewest} images: biased upwards below {ENOUGH_IMAGES}"] if fewest < ENOUGH_IMAGES else []
        warnings += ["number of images unknown"] if len(known) < len(counts) else []
        return {**self._protocol, **known, **({"warning": "; ".join(warnings)} if warnings else {})}


def _features(images: Images, *, network: nn.Module | None, batch: int) -> Iterator[Named]:
    network = network if network is not None else inception.load()
    for keys, image in as_batches(images, batch=batch):
        yield keys, inception.features(network, image)


def _common(reference: Statistics, fake: object) -> dict[str, Any]:
    """Return the protocol of both sides; a file of pytorch-fid says nothing, and is taken at its word."""
    for side in (reference, fake):
        if isinstance(side, Statistics):
            _check(side)
    theirs = json.loads(reference.protocol) if reference.protocol else {"reference": "a file that names no protocol"}
    return inception.protocol() | theirs


def _check(side: Statistics) -> None:
    if len(side.mean) != inception.DIMENSIONS:
        raise ProtocolError(
            f"statistics of {len(side.mean)} dimensions are no FID's, which have {inception.DIMENSIONS}; "
            "make them with `smis metrics fid ... --save` or `python -m pytorch_fid --save-stats`"
        )
    found, wanted = json.loads(side.protocol or "{}"), inception.protocol()
    for field in _SHARED:
        if found.get(field, wanted[field]) != wanted[field]:
            raise ProtocolError(
                f"statistics have {field} {found[field]!r}, but FID has {wanted[field]!r}; make them anew"
            )


def _enough(images: int) -> None:
    if images < 2:
        raise ParamsError(f"a set of {images} image{'s' * (images != 1)} has no covariance; at least 2 are needed")


_NOTHING = 1e-10
"""An eigenvalue of a smaller share of the largest is round-off."""


def frechet_distance(first: Statistics, second: Statistics) -> float:
    """Return |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½), never negative, also where a covariance is singular.

    With S1 = A Aᵀ, the product S1 S2 has the eigenvalues of the symmetric Aᵀ S2 A: no general square root is needed,
    and nothing turns complex.
    """
    root = _factor(first.covariance)
    cross = _root_trace(root.T @ second.covariance @ root)
    apart = (first.mean - second.mean).square().sum()
    return _never_negative((apart + first.covariance.trace() + second.covariance.trace() - 2 * cross).item())


def _never_negative(distance: float) -> float:
    """Round-off may fall below 0; NaN stays NaN, which `max` would make a perfect 0."""
    return 0.0 if distance <= 0 else distance


def _factor(covariance: Covariance) -> Covariance:
    """Return A with A Aᵀ = S: Cholesky's, or from eigenvectors where S is singular."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return factor
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()


def _root_trace(symmetric: Float64[Tensor, "n n"]) -> Float64[Tensor, ""]:
    return torch.linalg.eigvalsh((symmetric + symmetric.T) / 2).clamp(min=0).sqrt().sum()


def expansion(reference: Statistics, drawn: Statistics, vectors: Vectors) -> tuple[float, Float64[Tensor, " n"]]:
    """Return the distance, and how much it changes as an image's share grows, for each image; changes have the mean 0.

    The first term of the functional's expansion (Hampel, "The influence curve and its role in robust estimation", JASA
    1974): with T = A (Aᵀ S A)^-½ Aᵀ, reference S_r = A Aᵀ, it is 2 (m - m_r)ᵀ(x - m) + (x - m)ᵀ(I - T)(x - m). A
    resample stays in the span of the images, so that a singular S is inverted there. `vectors` may be a part of those
    that `drawn` was made of.
    """
    root = _factor(reference.covariance)
    values, axes = torch.linalg.eigh(root.T @ drawn.covariance @ root)
    kept = values > _NOTHING * values[-1]
    transported = ((vectors - drawn.mean) @ (root @ axes[:, kept] * values[kept] ** -0.25)).square().sum(dim=1)
    return _expansion(reference, drawn, vectors, cross=values.clamp(min=0).sqrt().sum(), transported=transported)


def expansion_of_few(reference: Statistics, drawn: Statistics, vectors: Vectors) -> tuple[float, Float64[Tensor, " n"]]:
    """Return the same for n images in d > n dimensions, all of them given, from products between images.

    With X the centerd images, X S_r Xᵀ / (n - 1) = U L Uᵀ has the eigenvalues of Aᵀ S A, and
    (x_i - m)ᵀ T (x_i - m) = (n - 1) sum_k U_ik² L_k^½.
    """
    centerd = vectors - drawn.mean
    degrees = len(vectors) - 1
    values, axes = torch.linalg.eigh(centerd @ reference.covariance @ centerd.T / degrees)
    roots = values.clamp(min=0).sqrt()
    return _expansion(reference, drawn, vectors, cross=roots.sum(), transported=degrees * axes.square() @ roots)


def _expansion(
    reference: Statistics,
    drawn: Statistics,
    vectors: Vectors,
    *,
    cross: Float64[Tensor, ""],
    transported: Float64[Tensor, " n"],
) -> tuple[float, Float64[Tensor, " n"]]:
    apart, centerd = drawn.mean - reference.mean, vectors - drawn.mean
    distance = apart.square().sum() + reference.covariance.trace() + drawn.covariance.trace() - 2 * cross
    change = 2 * centerd @ apart + centerd.square().sum(dim=1) - transported
    return _never_negative(distance.item()), change - change.mean()
