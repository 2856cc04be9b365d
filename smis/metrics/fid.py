"""FID: distance between two sets of images, each seen as one Gaussian of a network's features.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium" (NeurIPS 2017),
Eq. 6. It is called `fid` where the network is Inception on pytorch-fid's weights, and by the network's name else.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from smis.core.errors import ParamsError, ProtocolError
from smis.metrics import inception
from smis.metrics.features import Images, as_batches
from smis.metrics.frechet import expansion, expansion_of_few, frechet_distance
from smis.metrics.gaussian import Moments, Statistics
from smis.metrics.result import UNKNOWN, Bootstrap, Draws, Result, interval
from smis.metrics.vectors import NamedVectors

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
