"""Results over training seeds: mean, standard deviation, what they vary with, and a paired test of two systems.

A system that was trained with S seeds and measured on the same M label maps has a value y(s, m). Seeds and label maps
are crossed random effects (Searle, Casella and McCulloch, "Variance Components", 1992, section 4.3):

    y(s, m) = mean + seed(s) + map(m) + rest(s, m)

Three variances estimate the components. Those over label maps are taken from the resamples of `Bootstrap`, which are of
the same maps for each seed, so that a metric need not be a mean over maps: to first order, each map has an influence on
the Fréchet distance and on mIoU, too.

    A = variance of the S values                                        estimates seed + rest / M
    B = variance of the resampled mean over seeds                       estimates (map + rest / S) / M
    E = sum of the variances of each seed's resamples around that mean,
        divided by S - 1                                                estimates rest / M
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from smis.core.errors import ParamsError, ProtocolError, optional_package
from smis.metrics.comparison import differing, paired_draws
from smis.metrics.image.result import UNKNOWN, Result, interval

SeedResults = Mapping[int, Result]
"""The results of one system and metric, by seed."""


@dataclass(frozen=True)
class SeedSummary:
    """The values of one system over seeds.

    Example:
        >>> results = {seed: Result("fid", 10.0 + seed, (9, 13)) for seed in range(3)}
        >>> summary = summarize(results)
        >>> summary.mean, summary.std
        (11.0, 1.0)
    """

    values: Mapping[int, float]
    mean: float
    std: float | None
    """Standard deviation over seeds (divided by S - 1); None with one seed."""
    seed_share: float | None = None
    """The share of seeds in the variance of one training's result; the rest are label maps. None if not known."""

    @property
    def dominant(self) -> str | None:
        """What results vary with most, "seeds" or "label maps"."""
        if self.seed_share is None:
            return None
        return "seeds" if self.seed_share > 0.5 else "label maps"


@dataclass(frozen=True)
class SeedComparison:
    """A paired test whether two systems differ, over the seeds and label maps that both were measured with."""

    difference: float
    """Mean over seeds of the first minus the second."""
    interval: tuple[float, float]
    """95 %, of other seeds and other label maps."""
    p_value: float
    """Of the hypothesis that the systems do not differ, two-sided."""
    degrees: float
    """Degrees of freedom of Student's t (Satterthwaite)."""
    seeds: int


def summarize(results: SeedResults) -> SeedSummary:
    """Return the mean and standard deviation over seeds, and the share of the variance that is due to seeds.

    The variance of one training's result is `seed + (map + rest) / M`; `seed_share` is the part of the first.

    Raises:
        ParamsError: if there is no result.
        ProtocolError: if two results were measured differently.
    """
    _check_alike(results)
    values = {seed: float(result.value) for seed, result in results.items()}
    column, draws = np.array([*values.values()]), _draws(results)
    if len(values) == 1:
        return SeedSummary(values, float(column[0]), None)
    mean, std = float(column.mean()), float(column.std(ddof=1))
    if draws is None:
        return SeedSummary(values, mean, std)
    variances = _Variances.of(column, draws, maps=_label_maps(results))
    return SeedSummary(values, mean, std, variances.seed_share)


def mean_result(results: SeedResults) -> Result:
    """Return the mean over seeds, with its interval over label maps: resamples are averaged one by one.

    Raises:
        ParamsError: if there is no result.
        ProtocolError: if two results were measured differently.

    Example:
        >>> results = {s: Result("fid", 10.0 + s, (0, 0), draws=np.array([9.0, 11.0]) + s) for s in range(2)}
        >>> mean_result(results).value, mean_result(results).draws
        (10.5, array([ 9.5, 11.5]))
    """
    _check_alike(results)
    first, *others = results.values()
    if not others:
        return first
    value, draws = float(np.mean([result.value for result in results.values()])), _draws(results)
    if draws is not None:
        mean = draws.mean(axis=0)
        return Result(first.name, value, interval(mean), first.protocol, mean)
    same = all(other.interval == first.interval for other in others)
    return Result(first.name, value, first.interval if same else (UNKNOWN, UNKNOWN), first.protocol)


def compare_seeds(first: SeedResults, second: SeedResults) -> SeedComparison | None:
    """Test whether two systems differ, paired by seed and by label map; None with fewer than two common seeds.

    Of the differences, the variance of the mean is A / S + B - E / S, and the quotient is compared with Student's t
    with Satterthwaite's degrees of freedom ("An Approximate Distribution of Estimates of Variance Components", 1946).
    A component that is estimated below zero counts as zero. With few seeds that differ much, the degrees are few, and
    only a large difference is significant.

    Raises:
        ProtocolError: if two results were measured differently, have no resamples, or label maps without names.

    Example:
        >>> maps = np.random.default_rng(0).normal(size=200)
        >>> first, second = (
        ...     {seed: Result("fid", base + seed, (0, 9), draws=base + seed + maps) for seed in range(3)}
        ...     for base in (5.0, 2.0)
        ... )
        >>> compare_seeds(first, second).difference
        3.0
    """
    seeds = [seed for seed in first if seed in second]
    if len(seeds) < 2:
        return None
    _check_alike({seed: first[seed] for seed in seeds})
    draws = np.stack([paired_draws(first[seed], second[seed]) for seed in seeds])
    values = np.array([float(first[seed].value - second[seed].value) for seed in seeds])
    return _test(float(values.mean()), _Variances.of(values, draws, maps=_label_maps(first)))


@dataclass(frozen=True)
class _Variances:
    """A, B and E of the module's description."""

    over_seeds: float
    over_maps: float
    rest: float
    seeds: int
    maps: int

    @classmethod
    def of(cls, values: ndarray, draws: ndarray, *, maps: int | None) -> "_Variances":
        """Estimate them of S values, and of their resamples (S x resamples)."""
        complete = draws[:, np.isfinite(draws).all(axis=0)]
        mean, seeds = complete.mean(axis=0), len(values)
        # a resample of M maps has the variance of the M that there are, (M - 1) / M of what others would have
        scale = maps / (maps - 1) if maps and maps > 1 else 1.0
        rest = float(((complete - mean).var(axis=1)).sum()) / (seeds - 1)
        return cls(float(values.var(ddof=1)), scale * float(mean.var()), scale * rest, seeds, maps or complete.shape[1])

    @property
    def seed_share(self) -> float | None:
        between = max(0.0, self.over_seeds - self.rest)
        within = max(0.0, self.over_maps - self.rest / self.seeds) + self.rest
        return between / (between + within) if between + within else None

    @property
    def of_mean(self) -> tuple[float, float]:
        """The variance of the mean over seeds and label maps, and its degrees of freedom."""
        of_seeds, of_maps, of_rest = self.over_seeds / self.seeds, self.over_maps, self.rest / self.seeds
        more_seeds, more_maps = float(self.seeds - 1), float(max(1, self.maps - 1))
        variance = of_seeds + of_maps - of_rest
        if variance <= max(of_seeds, of_maps):  # the smaller one is no more than the rest: its component is zero
            return max((of_seeds, more_seeds), (of_maps, more_maps))
        squares = of_seeds**2 / more_seeds + of_maps**2 / more_maps + of_rest**2 / (more_seeds * more_maps)
        return variance, variance**2 / squares


def _test(difference: float, variances: _Variances) -> SeedComparison:
    variance, degrees = variances.of_mean
    if not variance:
        certain = 0.0 if difference else 1.0
        return SeedComparison(difference, (difference, difference), certain, degrees, variances.seeds)
    with optional_package("a test over seeds", extra="metrics"):
        from scipy.special import stdtr, stdtrit
    error = math.sqrt(variance)
    p_value = 2 * float(stdtr(degrees, -abs(difference) / error))
    reach = float(stdtrit(degrees, 0.975)) * error
    return SeedComparison(difference, (difference - reach, difference + reach), p_value, degrees, variances.seeds)


def _label_maps(results: SeedResults) -> int | None:
    return next(iter(results.values())).protocol.get("label_maps")


def _draws(results: SeedResults) -> ndarray | None:
    """Return the resamples of all seeds (S x resamples); None if they are not the same ones."""
    draws = [result.draws for result in results.values() if result.draws is not None]
    if len(draws) < len(results) or len({each.shape for each in draws}) > 1:
        return None
    return np.stack(draws)


def _check_alike(results: SeedResults) -> None:
    if not results:
        raise ParamsError("there are no results of any seed; give at least one")
    first, *others = results.values()
    for other in others:
        fields = differing(first.protocol, other.protocol, besides={"device"})
        if first.name != other.name or fields:
            raise ProtocolError(
                f"{first.name} and {other.name} of several seeds cannot be compared, they were measured in different "
                f"ways: {'; '.join(fields) or 'they are two metrics'}"
            )
