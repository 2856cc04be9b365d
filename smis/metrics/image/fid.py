"""Fréchet distance between two sets of images, each modeled as one Gaussian of a network's features.

d² = |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½), in squared units of the features; 0 for equal Gaussians.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium" (NeurIPS 2017),
Eq. 6. It is called `fid` for Inception with pytorch-fid's weights, and after the network otherwise. Sums are float64.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from smis.core.errors import ParamsError, ProtocolError, shown
from smis.metrics.image import inception
from smis.metrics.image.feature_statistics import Covariance, Moments, Statistics, Vectors
from smis.metrics.image.features import Images, NamedVectors, as_batches, check_features
from smis.metrics.image.result import UNKNOWN, Bootstrap, Result, check_bootstrap, interval

ENOUGH_IMAGES = 2048
"""Below this number of images the distance is biased upwards; the protocol warns."""
_SHARED = ("network", "weights", "features", "resize")
"""Fields of the protocol that both sides must share."""

Named = tuple[Sequence[str] | None, Float[Tensor, "_ d"]]
"""Names of a batch of images, if they have any, and the features."""


def measure(
    real: Statistics | Images,
    fake: Statistics | Images,
    *,
    network: nn.Module | None = None,
    batch: int = 32,
    seed: int = 0,
) -> Result:
    """Return FID of two sets of images, or of their statistics.

    Memory does not depend on the number of batches. With names, the interval does not depend on the order of images.
    If `fake` is given as statistics, the interval is not known (NaN).

    Args:
        real: Images, -1..1, of any size (all at once, in batches, or in batches with names), or statistics.
        fake: The same.
        network: By default `inception.load()`; images are resized as in pytorch-fid and moved to its device.
        batch: Images in the network at once.
        seed: Of the bootstrap.

    Raises:
        WeightsError: if no network is given, and its weights are missing.
        ImageError: if images are not (b, 3, h, w) of floats, -1..1.
        ParamsError: if a side has fewer than 2 images.
        ProtocolError: if statistics are of another network or were made in another way.
    """
    bootstrap = Bootstrap(seed=seed)
    if network is None and not (isinstance(real, Statistics) and isinstance(fake, Statistics)):
        network = inception.load()
    reference = real if isinstance(real, Statistics) else statistics(real, network=network, batch=batch)
    distance = FrechetDistance("fid", reference, _common(reference, fake))
    if isinstance(fake, Statistics):
        return distance.compare(fake)
    for keys, features in features_of(fake, network=network, batch=batch):
        distance.update(features, keys)
    return distance.compute(bootstrap)


def statistics(images: Images, *, network: nn.Module | None = None, batch: int = 32) -> Statistics:
    """Return the statistics of images, for `measure` or, by `Statistics.write`, for pytorch-fid.

    Raises:
        WeightsError: if no network is given, and its weights are missing.
        ImageError: if images are not (b, 3, h, w) of floats, -1..1.
        ParamsError: if there are fewer than 2 images.
    """
    moments = Moments(inception.DIMENSIONS)
    for _, features in features_of(images, network=network, batch=batch):
        moments.update(features)
    _check_count(moments.count)
    return moments.statistics(json.dumps(inception.protocol()))


class FrechetDistance:
    """Fréchet distance between the features of generated images and a reference.

    The interval is that of resamples to first order, from the images' influences: with fewer images than dimensions,
    the distance of an actual resample is several times too large, because it contains fewer different images. Of more
    than 2048 images, the influences of 2048 are used.

    Args:
        name: What the value is called.
        reference: Statistics of the real images, of d dimensions.
        protocol: How the features were computed.

    Example:
        >>> reference = Statistics(torch.zeros(2).double(), torch.eye(2).double())
        >>> metric = FrechetDistance("fd", reference, {})
        >>> metric.update(torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]))
        >>> round(metric.compute(Bootstrap(resamples=10)).value, 4)
        0.0673
    """

    def __init__(self, name: str, reference: Statistics, protocol: dict[str, Any]) -> None:
        self._name, self._reference, self._protocol = name, reference, protocol
        self._moments = Moments(len(reference.mean))
        self._vectors = NamedVectors(limit=ENOUGH_IMAGES)

    def update(self, features: Float[Tensor, "n d"], keys: Sequence[str] | None = None) -> None:
        """Add the features (n, d) of generated images; with names, the interval does not depend on their order.

        Raises:
            ImageError: if a number is not finite.
            ParamsError: if they have other dimensions than the reference.
        """
        check_features(features, keys, dimensions=len(self._reference.mean))
        self._vectors.update(features.double(), keys)
        self._moments.update(features)

    def merge(self, other: "FrechetDistance") -> None:
        """Add what another process gathered of other images.

        Raises:
            ParamsError: if images have no names, or an image of a stored name was measured by both.
        """
        shared = self._vectors.shared(other._vectors)
        if shared and other._vectors.named:
            raise ParamsError(
                f"{min(shared)} was measured by two processes, which would count it twice; give each its own images "
                "(a DistributedSampler repeats some where they do not divide evenly)"
            )
        self._vectors.merge(other._vectors)
        self._moments.merge(other._moments)

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Return the distance and its interval; below 2048 images the protocol warns that it is biased upwards.

        Raises:
            ParamsError: if there are fewer than 2 images.
        """
        check_bootstrap(bootstrap)
        images = len(self._vectors)
        _check_count(images)
        vectors = self._vectors.vectors()
        expand = expansion_of_few if images <= min(vectors.shape[1], ENOUGH_IMAGES) else expansion
        value, influences = expand(self._reference, self._moments.statistics(), vectors)
        draws = value + bootstrap.means(influences.numpy()) * (len(influences) / images) ** 0.5
        low, high = interval(draws)
        protocol = self._vectors.protocol() | self._protocol_of(images) | bootstrap.to_first_order
        return Result(self._name, value, (max(0.0, low), high), protocol, draws)

    def compare(self, fake: Statistics) -> Result:
        """Return the distance of statistics; its interval is not known."""
        value = frechet_distance(self._reference, fake)
        protocol = self._protocol_of(fake.count) | {"interval": "unknown: statistics hold no single images"}
        return Result(self._name, value, (UNKNOWN, UNKNOWN), protocol)

    def _protocol_of(self, images: int) -> dict[str, Any]:
        counts = {"label_maps": images, "samples": 1, "reference_images": self._reference.count}
        known = {name: count for name, count in counts.items() if count}
        fewest = min(images or ENOUGH_IMAGES, self._reference.count or ENOUGH_IMAGES)
        warnings = [f"{fewest} images: biased upwards below {ENOUGH_IMAGES}"] if fewest < ENOUGH_IMAGES else []
        warnings += ["number of images unknown"] if len(known) < len(counts) else []
        return {**self._protocol, **known, **({"warning": "; ".join(warnings)} if warnings else {})}


def features_of(images: Images, *, network: nn.Module | None, batch: int) -> Iterator[Named]:
    """Yield names and Inception's features of images; without a network, its published weights are loaded."""
    network = network if network is not None else inception.load()
    if not isinstance(network, nn.Module):
        raise ParamsError(f"network is {shown(network)}; give a torch module, or leave it out for Inception")
    for keys, image in as_batches(images, batch=batch):
        yield keys, inception.features(network, image)


def _common(reference: Statistics, fake: object) -> dict[str, Any]:
    """Return the protocol of both sides; a file of pytorch-fid has none and is accepted."""
    expected = inception.protocol()
    for side in (side for side in (reference, fake) if isinstance(side, Statistics)):
        if len(side.mean) != inception.DIMENSIONS:
            raise ProtocolError(
                f"statistics of {len(side.mean)} dimensions are no FID's, which have {inception.DIMENSIONS}; "
                "make them with `smis metrics fid ... --save` or `python -m pytorch_fid --save-stats`"
            )
        actual = expected | json.loads(side.protocol or "{}")
        differing = next((field for field in _SHARED if actual[field] != expected[field]), None)
        if differing:
            raise ProtocolError(
                f"statistics have {differing} {actual[differing]!r}, but FID has {expected[differing]!r}; "
                "make them again"
            )
    known = json.loads(reference.protocol) if reference.protocol else {"reference": "a file that names no protocol"}
    return expected | known


def _check_count(images: int) -> None:
    if images < 2:
        raise ParamsError(f"a set of {images} image{'s' * (images != 1)} has no covariance; at least 2 are needed")


_ROUND_OFF = 1e-10
"""Eigenvalues with a smaller ratio to the largest are round-off."""


def frechet_distance(first: Statistics, second: Statistics) -> float:
    """Return |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½), never negative, also for singular covariances.

    With S1 = A Aᵀ, the product S1 S2 has the eigenvalues of the symmetric Aᵀ S2 A: no general matrix square root is
    needed, and no value becomes complex.

    Example:
        >>> unit = Statistics(torch.zeros(2).double(), torch.eye(2).double())
        >>> frechet_distance(unit, Statistics(unit.mean + 1, unit.covariance))
        2.0
    """
    root = _factor(first.covariance)
    product = root.T @ second.covariance @ root
    cross = torch.linalg.eigvalsh((product + product.T) / 2).clamp(min=0).sqrt().sum()
    apart = (first.mean - second.mean).square().sum()
    return _never_negative((apart + first.covariance.trace() + second.covariance.trace() - 2 * cross).item())


def _never_negative(distance: float) -> float:
    """Clamp round-off at 0; `max` would turn NaN into 0."""
    return 0.0 if distance <= 0 else distance


def _factor(covariance: Covariance) -> Covariance:
    """Return A with A Aᵀ = S: Cholesky's, or from eigenvectors if S is singular."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return factor
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()


def expansion(reference: Statistics, fake: Statistics, vectors: Vectors) -> tuple[float, Float64[Tensor, " n"]]:
    """Return the distance, and for each image the change of the distance as its share grows; changes have the mean 0.

    The first term of the functional's expansion (Hampel, "The influence curve and its role in robust estimation", JASA
    1974): with T = A (Aᵀ S A)^-½ Aᵀ, reference S_r = A Aᵀ, it is 2 (m - m_r)ᵀ(x - m) + (x - m)ᵀ(I - T)(x - m). A
    resample stays in the span of the images, so that a singular S is inverted there. `vectors` may be a part of those
    that `fake` was made of.
    """
    root = _factor(reference.covariance)
    values, axes = torch.linalg.eigh(root.T @ fake.covariance @ root)
    nonzero = values > _ROUND_OFF * values[-1]
    transported = ((vectors - fake.mean) @ (root @ axes[:, nonzero] * values[nonzero] ** -0.25)).square().sum(dim=1)
    return _expansion(reference, fake, vectors, cross=values.clamp(min=0).sqrt().sum(), transported=transported)


def expansion_of_few(reference: Statistics, fake: Statistics, vectors: Vectors) -> tuple[float, Float64[Tensor, " n"]]:
    """Return the same for n images in d > n dimensions, all of them given, from products between images.

    With X the centered images, X S_r Xᵀ / (n - 1) = U L Uᵀ has the eigenvalues of Aᵀ S A, and
    (x_i - m)ᵀ T (x_i - m) = (n - 1) sum_k U_ik² L_k^½.
    """
    centered = vectors - fake.mean
    degrees = len(vectors) - 1
    values, axes = torch.linalg.eigh(centered @ reference.covariance @ centered.T / degrees)
    roots = values.clamp(min=0).sqrt()
    return _expansion(reference, fake, vectors, cross=roots.sum(), transported=degrees * axes.square() @ roots)


def _expansion(
    reference: Statistics,
    fake: Statistics,
    vectors: Vectors,
    *,
    cross: Float64[Tensor, ""],
    transported: Float64[Tensor, " n"],
) -> tuple[float, Float64[Tensor, " n"]]:
    apart, centered = fake.mean - reference.mean, vectors - fake.mean
    distance = apart.square().sum() + reference.covariance.trace() + fake.covariance.trace() - 2 * cross
    change = 2 * centered @ apart + centered.square().sum(dim=1) - transported
    return _never_negative(distance.item()), change - change.mean()
